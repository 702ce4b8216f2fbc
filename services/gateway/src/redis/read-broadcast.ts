import { BROADCAST_LEVELS, type BroadcastFrame } from '@holdfast/protocol';

/** Reads what an operator's broadcast was published as (V9). Nothing when it is none: the channel is open to all. */
export function readBroadcast(payload: Buffer): BroadcastFrame | undefined {
  const { id, title, message, level, timestamp } = readObject(payload.toString());
  const known = BROADCAST_LEVELS.find((each) => each === level);
  if (typeof message !== 'string' || typeof timestamp !== 'number' || known === undefined) return undefined;
  return {
    type: 'broadcast',
    ...(typeof id === 'string' ? { id } : {}),
    title: typeof title === 'string' ? title : '',
    message,
    level: known,
    timestamp,
  };
}

function readObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
