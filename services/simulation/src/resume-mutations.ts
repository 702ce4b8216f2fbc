import { Sync } from '@holdfast/gateway';
import type { ServerFrame } from '@holdfast/protocol';
import { changed, type Mutation, replaced } from './mutation.js';

/** The last answer of the store about a session to any gateway, from which a mutation makes a mistake. */
interface Told {
  readonly epoch: string;
  /** The newest stored number. */
  readonly newest: number;
}

/** Makes a mutation that knows the last answers of the store. */
function knowing(make: (told: ReadonlyMap<string, Told>) => Mutation): Mutation {
  const told = new Map<string, Told>();
  return {
    ...make(told),
    sessionLog: (log) =>
      changed(log, {
        open: async (sessionId, options) => {
          const result = await log.open(sessionId, options);
          if (typeof result === 'object') told.set(sessionId, { ...result.session, newest: result.session.count });
          return result;
        },
        append: async (sessionId, request) => {
          const result = await log.append(sessionId, request);
          const newest = result.outcome === 'stored' ? result.messages.at(-1)?.seq : undefined;
          if (result.outcome === 'stored' && newest !== undefined) told.set(sessionId, { epoch: result.epoch, newest });
          return result;
        },
      }),
  };
}

/** Changes the frames of a type on all sockets. */
function saying<T extends 'welcome' | 'heartbeat'>(
  type: T,
  change: (frame: Extract<ServerFrame, { type: T }>) => object,
): Required<Pick<Mutation, 'socket'>> {
  return {
    socket: (socket) =>
      changed(socket, {
        send: (frame) => {
          if (typeof frame !== 'string' || !frame.startsWith(`{"type":"${type}"`)) return socket.send(frame);
          return socket.send(JSON.stringify(change(JSON.parse(frame))));
        },
      }),
  };
}

/** Changes the queries of upgrade requests. */
function asking(change: (query: URLSearchParams) => void): Required<Pick<Mutation, 'query'>> {
  return {
    query: (text) => {
      const query = new URLSearchParams(text);
      change(query);
      return query.toString();
    },
  };
}

/** Mutations of what a connecting member is given and told (R1–R3, F7). */
export const RESUME_MUTATIONS: readonly Mutation[] = [
  knowing((told) => ({
    name: 'the welcome tells the newest stored number, even if it was not delivered',
    rule: 'F7',
    shownBy: [39],
    ...saying('welcome', (frame) => ({ ...frame, seq: Math.max(frame.seq, told.get(frame.sessionId)?.newest ?? 0) })),
  })),
  {
    name: 'the heartbeat tells of a message that is yet to come',
    rule: 'F7',
    ...saying('heartbeat', (frame) => ({ ...frame, seq: frame.seq + 1 })),
  },
  {
    name: 'the gateway does not catch up with a client that is ahead',
    rule: 'R2',
    shownBy: [55],
    patch: () => {
      const { run } = Sync.prototype;
      return replaced(Sync.prototype, {
        run(reason) {
          return reason === 'resume' ? Promise.resolve() : run.call(this, reason);
        },
      });
    },
  },
  {
    name: 'every client is told that it recovered',
    rule: 'R2',
    ...saying('welcome', (frame) => ({ ...frame, recovered: true })),
  },
  {
    name: 'no client is told that it recovered',
    rule: 'R1',
    ...saying('welcome', (frame) => ({ ...frame, recovered: false })),
  },
  {
    name: 'another id at the last number is not noticed',
    rule: 'R2',
    ...asking((query) => query.delete('last_id')),
  },
  knowing((told) => ({
    name: 'a position in another epoch counts as one in this epoch',
    rule: 'R2',
    ...asking((query) => {
      const epoch = told.get(query.get('session') ?? '')?.epoch;
      if (query.has('epoch') && epoch !== undefined) query.set('epoch', epoch);
    }),
  })),
  {
    name: 'a number beyond the newest counts as the newest',
    rule: 'R2',
    ...asking((query) => {
      const seq = Number(query.get('last_seq') ?? 0);
      if (seq > 0 && query.get('last_id') === 'unknown') query.set('last_seq', String(seq - 2));
      if (query.get('last_id') === 'unknown') query.delete('last_id');
    }),
  },
  {
    name: 'trimmed history is left out without a gap',
    rule: 'R2',
    shownBy: [184],
    socket: (socket) =>
      changed(socket, {
        send: (frame) => (typeof frame === 'string' && frame.includes('"event":"gap"') ? 'sent' : socket.send(frame)),
      }),
  },
  {
    name: 'a client that asks for no history gets it',
    rule: 'R3',
    ...asking((query) => {
      if (!query.has('last_seq')) query.set('last_seq', '0');
    }),
  },
  {
    name: 'a client that asks for the whole history gets none',
    rule: 'R3',
    ...asking((query) => {
      if (query.get('last_seq') === '0' && !query.has('epoch')) query.delete('last_seq');
    }),
  },
];
