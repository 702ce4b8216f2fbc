import type { Emitter } from './emitter.js';
import type { ChatMessage, ClientEvents } from './events.js';

/** Messages that wait for a slow reader. Beyond it the iterator fails, rather than losing messages or filling memory. */
const BUFFER_MAX = 10_000;

/**
 * The messages of a client from now on, each once. The iterator ends when the client is closed.
 *
 * @throws Error out of `next()` when the reader is more than 10,000 messages behind
 */
export function messageStream(events: Emitter<ClientEvents>): AsyncGenerator<ChatMessage, void> {
  const buffer: ChatMessage[] = [];
  let isClosed = false;
  let wake: (() => void) | undefined;
  const stops = [
    events.on('message', (message) => {
      // One message beyond the limit tells the reader that there were too many.
      if (buffer.length <= BUFFER_MAX) buffer.push(message);
      wake?.();
    }),
    events.on('state', ({ kind }) => {
      isClosed ||= kind === 'closed';
      wake?.();
    }),
  ];
  return (async function* () {
    try {
      while (buffer.length > 0 || !isClosed) {
        if (buffer.length > BUFFER_MAX) throw new Error(`the reader fell more than ${BUFFER_MAX} messages behind`);
        const message = buffer.shift();
        if (message) yield message;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      for (const stop of stops) stop();
    }
  })();
}
