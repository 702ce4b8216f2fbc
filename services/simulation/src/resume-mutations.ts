import type { WelcomeFrame } from '@holdfast/protocol';
import { changed, type Mutation } from './mutation.js';

/** What the store last said of each session to any gateway: enough for a mistake to be made with it. */
interface Opened {
  readonly epoch: string;
  readonly count: number;
}

/** Builds a mutation that knows what was opened last. */
function knowing(make: (opened: ReadonlyMap<string, Opened>) => Mutation): Mutation {
  const opened = new Map<string, Opened>();
  return {
    ...make(opened),
    sessionLog: (log) =>
      changed(log, {
        open: async (sessionId, options) => {
          const result = await log.open(sessionId, options);
          if (typeof result === 'object') opened.set(sessionId, result.session);
          return result;
        },
      }),
  };
}

/** Sockets on which the welcome says something else. */
function welcoming(change: (frame: WelcomeFrame) => WelcomeFrame): Required<Pick<Mutation, 'socket'>> {
  return {
    socket: (socket) =>
      changed(socket, {
        send: (frame) => {
          if (typeof frame !== 'string' || !frame.startsWith('{"type":"welcome"')) return socket.send(frame);
          return socket.send(JSON.stringify(change(JSON.parse(frame) as WelcomeFrame)));
        },
      }),
  };
}

/** Upgrade requests that say something else. */
function asking(change: (query: URLSearchParams) => void): Required<Pick<Mutation, 'query'>> {
  return {
    query: (text) => {
      const query = new URLSearchParams(text);
      change(query);
      return query.toString();
    },
  };
}

/** What a connecting member is given, and told (R1–R3, F7). */
export const RESUME_MUTATIONS: readonly Mutation[] = [
  knowing((opened) => ({
    name: 'the welcome tells what is stored, delivered or not',
    rule: 'F7',
    ...welcoming((frame) => ({ ...frame, seq: Math.max(frame.seq, opened.get(frame.sessionId)?.count ?? 0) })),
  })),
  {
    name: 'whatever is kept passes for everything',
    rule: 'R2',
    ...welcoming((frame) => ({ ...frame, recovered: true })),
  },
  {
    name: 'nobody is told that everything follows',
    rule: 'R1',
    ...welcoming((frame) => ({ ...frame, recovered: false })),
  },
  {
    name: 'another id at the last number is not looked at',
    rule: 'R2',
    ...asking((query) => query.delete('last_id')),
  },
  knowing((opened) => ({
    name: 'a position in another epoch passes for one in this',
    rule: 'R2',
    ...asking((query) => {
      const epoch = opened.get(query.get('session') ?? '')?.epoch;
      if (query.has('epoch') && epoch !== undefined) query.set('epoch', epoch);
    }),
  })),
  {
    name: 'a number newer than the newest passes for the newest',
    rule: 'R2',
    ...asking((query) => {
      const seq = Number(query.get('last_seq') ?? 0);
      if (seq > 0 && query.get('last_id') === 'unknown') query.set('last_seq', String(seq - 2));
      if (query.get('last_id') === 'unknown') query.delete('last_id');
    }),
  },
  {
    name: 'history that is not kept any more is left out in silence',
    rule: 'R2',
    socket: (socket) =>
      changed(socket, {
        send: (frame) => (typeof frame === 'string' && frame.includes('"event":"gap"') ? 'sent' : socket.send(frame)),
      }),
  },
  {
    name: 'who asks for no history gets it',
    rule: 'R3',
    ...asking((query) => {
      if (!query.has('last_seq')) query.set('last_seq', '0');
    }),
  },
  {
    name: 'who asks for the kept history gets none',
    rule: 'R3',
    ...asking((query) => {
      if (query.get('last_seq') === '0' && !query.has('epoch')) query.delete('last_seq');
    }),
  },
];
