import type { BroadcastFrame } from '@holdfast/protocol';
import Alert from '@mui/material/Alert';
import AlertTitle from '@mui/material/AlertTitle';
import { timeOfDay } from './time-text.js';

interface BroadcastBannerProps {
  readonly broadcast: BroadcastFrame;
  readonly onClose: () => void;
}

/** Shows what the operator has told everybody (V9). */
export function BroadcastBanner({ broadcast: { title, message, level, timestamp }, onClose }: BroadcastBannerProps) {
  return (
    <Alert severity={level} variant="filled" square onClose={onClose} data-level={level}>
      <AlertTitle>
        {title || 'Announcement'} · {timeOfDay(timestamp)}
      </AlertTitle>
      {message}
    </Alert>
  );
}
