import { AppendQueue, Audience, Connection, Deletions, Expiry, Room } from '@holdfast/gateway';
import type { SessionLog } from '@holdfast/session-store';
import { changed, type Mutation, replaced } from './mutation.js';

/** Replaces what a class tells of itself. @returns puts it back */
function told<T extends object>(prototype: T, name: keyof T, value: () => unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(prototype, name);
  Object.defineProperty(prototype, name, { get: value, configurable: true });
  return () => {
    if (before) Object.defineProperty(prototype, name, before);
  };
}

/** A store in which nobody is told how an epoch has ended. */
function withoutEnds(store: SessionLog): SessionLog {
  return changed(store, {
    open: (sessionId, { resumeEpoch: _ended, ...options } = {}) => store.open(sessionId, options),
    append: async (sessionId, request) => {
      const result = await store.append(sessionId, request);
      return result.outcome === 'gone' ? { outcome: 'gone' } : result;
    },
    read: async (sessionId, range) => store.read(sessionId, range),
  });
}

/** What ends and stays ended (G5), and what an outage ends with (D3). */
export const OUTAGE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'nobody looks whether an epoch was deleted',
    rule: 'G5',
    shownBy: [888],
    store: withoutEnds,
  },
  {
    name: 'gateways forget what was deleted',
    rule: 'G5',
    patch: () => replaced(Deletions.prototype, { note: () => undefined }),
  },
  {
    name: 'a deleted session that has come back is not deleted again',
    rule: 'G5',
    patch: () => replaced(Deletions.prototype, { bury: () => Promise.resolve(false) }),
  },
  {
    name: 'what has expired is put back',
    rule: 'G5',
    shownBy: [330],
    patch: () => told(Expiry.prototype, 'passed', () => false),
  },
  {
    name: 'what waited in an outage is not stored',
    rule: 'D3',
    patch: () =>
      replaced(AppendQueue.prototype, {
        resume() {
          this.stop();
          return Promise.resolve(true);
        },
      }),
  },
  {
    name: 'what waited in an outage is not marked as repeated',
    rule: 'D3',
    sessionLog: (log) =>
      changed(log, {
        append: (sessionId, request) => {
          const isPending = request.messages.length > 1;
          const messages = request.messages.map(({ retry, ...message }) =>
            isPending || retry === undefined ? message : { ...message, retry },
          );
          return log.append(sessionId, { ...request, messages });
        },
      }),
  },
  {
    name: 'members are told that Redis is back before what waited is stored',
    rule: 'D3',
    patch: () => {
      const { resume } = AppendQueue.prototype;
      return replaced(AppendQueue.prototype, {
        resume() {
          void resume.call(this);
          return Promise.resolve(true);
        },
      });
    },
  },
  {
    name: 'members are not told that Redis is back',
    rule: 'D3',
    patch: () => replaced(Room.prototype, { restored: () => undefined }),
  },
  {
    name: 'members that came in an outage are not told where they are',
    rule: 'D3',
    patch: () => {
      const { restart } = Audience.prototype;
      return replaced(Audience.prototype, {
        restart(member, epoch, from, alreadyHad) {
          if (!this.isLate(member)) restart.call(this, member, epoch, from, alreadyHad);
        },
      });
    },
  },
  {
    name: 'members that came in an outage are given one message less',
    rule: 'D3',
    patch: () => {
      const { restart } = Audience.prototype;
      return replaced(Audience.prototype, {
        restart(member, epoch, from, alreadyHad) {
          restart.call(this, member, epoch, this.isLate(member) ? from + 1 : from, alreadyHad);
        },
      });
    },
  },
  {
    name: 'plain members are given again what they saw pending',
    rule: 'D3',
    patch: () => replaced(Connection.prototype, { sawPending: () => false }),
  },
];
