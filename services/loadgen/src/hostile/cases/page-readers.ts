import { connectRaw } from '../raw-socket.js';
import { type CaseLoad, type CaseTarget, Counts, type HeavyCase } from './heavy-case.js';
import { storeLargeHistory } from './large-history.js';

const SESSION = 'heavy-history';
const READERS = 30;
/** Readers that ask and then do not read. */
const UNREAD = 10;
const UNREAD_HOLD_MS = 20_000;
const ANSWER_MS = 60_000;
const PAUSE_MS = 200;
/** The end of an answer tells whether there is more, and where to go on (H4). */
const TAIL_BYTES = 256;
const MORE = /"has_more":(true|false)(?:,"next":(\d+))?/;

interface Answer {
  /** 0 when the connection ended without one. */
  readonly status: number;
  readonly bytes: number;
  /** The end of the answer, at most {@link TAIL_BYTES}. */
  readonly tail: string;
}

const shared = Buffer.allocUnsafeSlow(262_144);

/** Thirty readers of all pages of a large history at once, again and again, beside some that do not read the answers. */
export const pageReaders: HeavyCase = {
  about: '30 clients read all pages of that session by HTTP at once, again and again; 10 more ask and do not read',
  prepare: async (target) => {
    await storeLargeHistory(target, SESSION);
    return load(target);
  },
};

function load(target: CaseTarget): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    let bytes = 0;
    const reader = async (): Promise<void> => {
      let after = 0;
      while (performance.now() < endsAtMs) {
        const answer = await get(target.apiPort, after, endsAtMs + ANSWER_MS);
        bytes += answer.bytes;
        const more = MORE.exec(answer.tail);
        if (answer.status === 200 && more) {
          counts.add('pages');
          if (more[1] === 'false') counts.add('whole histories');
          after = more[1] === 'true' ? Number(more[2] ?? 0) : 0;
        } else {
          counts.add(answer.status === 200 ? 'cut answers' : `answers ${answer.status || 'missing'}`);
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      }
    };
    const unread = setInterval(
      () => hold(target.apiPort, Math.max(0, endsAtMs - performance.now())),
      UNREAD_HOLD_MS / UNREAD,
    );
    for (let index = 0; index < UNREAD; index++) hold(target.apiPort, Math.max(0, endsAtMs - performance.now()));
    await Promise.all(Array.from({ length: READERS }, reader));
    clearInterval(unread);
    const wrong: string[] = [];
    if (counts.of('whole histories') === 0) wrong.push('nobody has read the whole history');
    if (counts.of('cut answers') > 0) wrong.push(`${counts.of('cut answers')} answers ended early`);
    return { note: `${counts}, ${Math.round(bytes / 1_048_576)} MB`, wrong };
  };
}

/** Asks for a page. HTTP/1.0, so that the end of the answer is not cut into chunks. */
const request = (after: number): string =>
  `GET /api/sessions/${SESSION}/messages/?limit=1000&after_seq=${after} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n`;

/** Reads a page, and looks at its beginning and its end only. */
function get(port: number, after: number, untilMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    let bytes = 0;
    let status = 0;
    let tail = '';
    const socket = connectRaw(port, {
      buffer: shared,
      callback: (read) => {
        if (bytes === 0) status = Number(/^HTTP\/1\.\d (\d{3})/.exec(shared.toString('latin1', 0, 12))?.[1] ?? 0);
        bytes += read;
        tail = (tail + shared.toString('latin1', Math.max(0, read - TAIL_BYTES), read)).slice(-TAIL_BYTES);
        return true;
      },
    });
    const timer = setTimeout(() => socket.destroy(), Math.max(0, untilMs - performance.now()));
    socket.once('close', () => {
      clearTimeout(timer);
      resolve({ status, bytes, tail });
    });
    socket.write(request(after));
  });
}

/** Asks for a page, and does not read the answer. */
function hold(port: number, ms: number): void {
  const socket = connectRaw(port);
  socket.pause();
  socket.write(request(0));
  setTimeout(() => socket.destroy(), Math.min(ms, UNREAD_HOLD_MS));
}
