import type { ServerFrame } from '@holdfast/protocol';

/** The fields the client cannot do without. A frame of another type, from a later release perhaps, is passed on. */
const REQUIRED: Partial<Record<string, string>> = {
  welcome: 'seq firstSeq heartbeatMs maxMessageBytes',
  message: 'id content sender',
  ack: 'id seq',
  heartbeat: 'seq',
  session: 'event',
  drain: 'reconnectInMs deadlineMs',
  error: 'code',
};

/**
 * Reads one frame of the server.
 *
 * @throws SyntaxError or TypeError for what no server of this protocol sends
 */
export function readFrame(data: unknown): ServerFrame {
  const frame = JSON.parse(String(data)) as Record<string, unknown>;
  const type = String(frame['type']);
  for (const name of REQUIRED[type]?.split(' ') ?? []) {
    if (frame[name] === undefined) throw new TypeError(`${type} without ${name}`);
  }
  return frame as unknown as ServerFrame;
}
