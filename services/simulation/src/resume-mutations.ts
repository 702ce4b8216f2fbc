import { Sync } from '@holdfast/gateway';
import type { ServerFrame } from '@holdfast/protocol';
import { changed, type Mutation, replaced } from './mutation.js';

/** What the store last said of each session to any gateway: enough for a mistake to be made with it. */
interface Told {
  readonly epoch: string;
  /** Newest number stored. */
  readonly newest: number;
}

/** Builds a mutation that knows what was opened last. */
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

/** Sockets on which frames of a type say something else. */
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
  knowing((told) => ({
    name: 'the welcome tells what is stored, delivered or not',
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
    name: 'who is ahead of the gateway is not waited for',
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
    name: 'whatever is kept passes for everything',
    rule: 'R2',
    ...saying('welcome', (frame) => ({ ...frame, recovered: true })),
  },
  {
    name: 'nobody is told that everything follows',
    rule: 'R1',
    ...saying('welcome', (frame) => ({ ...frame, recovered: false })),
  },
  {
    name: 'another id at the last number is not looked at',
    rule: 'R2',
    ...asking((query) => query.delete('last_id')),
  },
  knowing((told) => ({
    name: 'a position in another epoch passes for one in this',
    rule: 'R2',
    ...asking((query) => {
      const epoch = told.get(query.get('session') ?? '')?.epoch;
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
    shownBy: [184],
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
