import type { SendFrame } from '@holdfast/protocol';

/** A message as a connection hands it on. */
export interface OutgoingMessage {
  /** Absent: the gateway names it. */
  readonly id?: string | undefined;
  /** The content as a JSON string, with its quotes. */
  readonly contentJson: string;
  readonly retry?: SendFrame['after'] | 'anywhere';
  readonly arrivedMs: number;
}
