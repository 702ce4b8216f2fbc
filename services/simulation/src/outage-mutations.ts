import { AppendQueue, Audience, Connection, Deletions, Expiry, Room } from '@holdfast/gateway';
import type { SessionLog } from '@holdfast/session-store';
import { changed, type Mutation, replaced } from './mutation.js';

/** Replaces a getter of a class. @returns restores it */
function told<T extends object>(prototype: T, name: keyof T, value: () => unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(prototype, name);
  Object.defineProperty(prototype, name, { get: value, configurable: true });
  return () => {
    if (before) Object.defineProperty(prototype, name, before);
  };
}

/** A store that does not tell how an epoch has ended. */
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

/** Mutations of sessions that end and stay ended (G5), and of the end of an outage (D3). */
export const OUTAGE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'gateways do not check whether an epoch was deleted',
    rule: 'G5',
    shownBy: [37],
    store: withoutEnds,
  },
  {
    name: 'gateways forget deletions',
    rule: 'G5',
    shownBy: [668],
    patch: () => replaced(Deletions.prototype, { note: () => undefined }),
  },
  {
    name: 'a deleted session that has come back is not deleted again',
    rule: 'G5',
    shownBy: [668],
    patch: () => replaced(Deletions.prototype, { bury: () => Promise.resolve(false) }),
  },
  {
    name: 'an expired session is put back',
    rule: 'G5',
    shownBy: [330],
    patch: () => told(Expiry.prototype, 'passed', () => false),
  },
  {
    name: 'messages that waited during an outage are not stored',
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
    name: 'messages that waited during an outage are not marked as retries',
    rule: 'D3',
    shownBy: [62],
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
    name: 'members are told that Redis is back before the waiting messages are stored',
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
    name: 'members that joined during an outage are not told where they continue',
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
    name: 'members that joined during an outage are given one message less',
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
    name: 'plain members are given messages again that they saw as pending',
    rule: 'D3',
    patch: () => replaced(Connection.prototype, { sawPending: () => false }),
  },
];
