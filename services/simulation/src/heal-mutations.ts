import { Audience, Repair } from '@holdfast/gateway';
import type { AppendResult, ForkRequest, LogEntry, SessionLog } from '@holdfast/session-store';
import { changed, type Mutation, replaced } from './mutation.js';
import { SimStore } from './sim-store.js';

/** Repeats appends that were refused for a reason as if their sender had no position. */
function neverRefused(outcome: AppendResult['outcome']): (store: SessionLog) => SessionLog {
  return (store) =>
    changed(store, {
      append: async (sessionId, request) => {
        const result = await store.append(sessionId, request);
        return result.outcome === outcome ? store.append(sessionId, { messages: request.messages }) : result;
      },
    });
}

/** Changes the requests of forks. */
function forking(change: (request: ForkRequest) => ForkRequest): (log: SessionLog) => SessionLog {
  return (log) => changed(log, { fork: (sessionId, request) => log.fork(sessionId, change(request)) });
}

/** Changes what heals offer of the delivered messages. */
function healing(change: (entries: readonly LogEntry[]) => readonly LogEntry[]): (log: SessionLog) => SessionLog {
  return (log) =>
    changed(log, {
      heal: (sessionId, request) => log.heal(sessionId, { ...request, entries: change(request.entries) }),
    });
}

/** Mutations of how gateways repair a Redis that has less than was delivered, or other messages (G1–G4). */
export const HEAL_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a log that lacks delivered messages counts as complete',
    rule: 'G1',
    shownBy: [26],
    sessionLog: (log) =>
      changed(log, {
        read: async (sessionId, range, epoch) => {
          const read = await log.read(sessionId, range, epoch);
          const least = 'from' in range && read.session?.epoch === epoch ? range.from : 0;
          return read.session
            ? { ...read, session: { ...read.session, count: Math.max(least, read.session.count) } }
            : read;
        },
      }),
  },
  {
    name: 'another message under a delivered number counts as the same',
    rule: 'G1',
    shownBy: [22],
    sessionLog: (log) => {
      return changed(log, {
        read: async (sessionId, range, epoch) => {
          const read = await log.read(sessionId, range, epoch);
          const { entries } = read;
          const isFirst = 'from' in range && entries[0]?.seq === range.from && epoch !== undefined;
          return isFirst ? { ...read, entries: entries.slice(1) } : read;
        },
      });
    },
  },
  {
    name: 'messages that Redis lacks are not put back',
    rule: 'G2',
    sessionLog: healing(() => []),
  },
  {
    name: 'messages that are older than the log are not put in front of it',
    rule: 'G2',
    patch: () =>
      replaced(Repair.prototype, {
        prepend: ({ seq }, firstSeq) => Promise.resolve({ outcome: 'healed', count: seq, firstSeq }),
      }),
  },
  {
    name: 'the newest message is not put back',
    rule: 'G2',
    sessionLog: healing((entries) => entries.slice(0, -1)),
  },
  {
    name: 'messages are put back with numbers that are one too high',
    rule: 'G2',
    sessionLog: healing((entries) => entries.map((entry) => ({ ...entry, seq: entry.seq + 1 }))),
  },
  {
    name: 'an append to a session that is gone begins another one',
    rule: 'G3',
    store: neverRefused('gone'),
  },
  {
    name: 'an append in another epoch is not refused',
    rule: 'G3',
    shownBy: [321],
    store: neverRefused('epoch'),
  },
  {
    name: 'an append of a gateway that is ahead is not refused',
    rule: 'G3',
    shownBy: [34],
    store: neverRefused('behind'),
  },
  {
    name: 'a fork changes an epoch that its gateway has not seen',
    rule: 'G4',
    shownBy: [1331],
    store: (store) =>
      changed(store, {
        fork: async (sessionId, request) => {
          const { session } = await store.read(sessionId, { newest: 1 });
          return store.fork(sessionId, { ...request, seenEpoch: session?.epoch ?? request.seenEpoch });
        },
      }),
  },
  {
    name: 'messages of the log are left out of a fork',
    rule: 'G4',
    shownBy: [512],
    patch: () => {
      const { fork } = SimStore.prototype;
      return replaced(SimStore.prototype, {
        fork(sessionId, request) {
          if (this.look(sessionId)?.epoch === request.seenEpoch) this.lose(sessionId, 'log');
          return fork.call(this, sessionId, request);
        },
      });
    },
  },
  {
    name: 'numbers start again in a fork of an empty log',
    rule: 'G4',
    shownBy: [1223],
    sessionLog: forking((request) => ({ ...request, seq: request.entries.at(-1)?.seq ?? 0 })),
  },
  {
    name: 'messages that the log of a new epoch lacks are not stored again',
    rule: 'G4',
    faults: 6,
    patch: () => {
      const { adopt } = Repair.prototype;
      return replaced(Repair.prototype, {
        adopt(session) {
          return adopt.call(this, session, false);
        },
      });
    },
  },
  {
    name: 'a reset begins one number late',
    rule: 'G4',
    shownBy: [26],
    patch: () => {
      const { restartAll } = Audience.prototype;
      return replaced(Audience.prototype, {
        restartAll(epoch, from, alreadyHad) {
          restartAll.call(this, epoch, from + 1, alreadyHad);
        },
      });
    },
  },
  {
    name: 'a new epoch begins without a reset',
    rule: 'G4',
    shownBy: [26],
    patch: () => replaced(Audience.prototype, { restartAll: () => undefined }),
  },
  {
    name: 'plain members are given messages again that they have had',
    rule: 'G4',
    shownBy: [365],
    patch: () => {
      const { restartAll } = Audience.prototype;
      return replaced(Audience.prototype, {
        noteHad: () => undefined,
        restartAll(epoch) {
          restartAll.call(this, epoch, 1, new Set());
        },
      });
    },
  },
];
