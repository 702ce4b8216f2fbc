import { Announcements, Audience, HistoryPages, Room } from '@holdfast/gateway';
import { decodeLive, encodeStored, type LivePayload } from '@holdfast/session-store';
import { changed, type Mutation, replaced } from './mutation.js';

type StoredPayload = Extract<LivePayload, { kind: 'stored' }>;

/** Changes what rooms hear of stored messages. */
function hearing(change: (room: Room, payload: StoredPayload) => StoredPayload): () => void {
  const { receive } = Room.prototype;
  return replaced(Room.prototype, {
    receive(payload) {
      const live = decodeLive(payload);
      const isHeard = live?.kind === 'stored' && this.delivered.position && !this.sync.running;
      if (!isHeard) return receive.call(this, payload);
      const { before, messages } = change(this, live);
      const lines = messages.map(({ senderKey, frame }) => ({ senderKey, frame: frame.toString() }));
      receive.call(this, encodeStored(before, lines));
    },
  });
}

/** How late a member is attached that has to be attached at once, in milliseconds. */
const LATE_MS = 5;

/** Mutations of what a room delivers, and of how it notices what it has missed (F2–F7, R1). */
export const DELIVERY_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a publish that skips ahead is delivered',
    rule: 'F2',
    patch: () => {
      const { receive } = Room.prototype;
      return replaced(Room.prototype, {
        receive(payload) {
          const live = decodeLive(payload);
          const { position, tail } = this.delivered;
          const skips =
            live?.kind === 'stored' && position && live.before.seq > position.seq && live.messages.length > 0;
          if (!skips || this.sync.running || live.before.epoch !== position.epoch) return receive.call(this, payload);
          tail.clear();
          this.deliverNext(live.before.epoch, live.messages);
        },
      });
    },
  },
  {
    name: 'a publish of another epoch is delivered',
    rule: 'F2',
    patch: () =>
      hearing((room, payload) => ({
        ...payload,
        before: { ...payload.before, epoch: room.delivered.position?.epoch ?? payload.before.epoch },
      })),
  },
  {
    name: 'a publish that follows another message is delivered',
    rule: 'F2',
    patch: () => hearing((_room, payload) => ({ ...payload, before: { ...payload.before, id: '' } })),
  },
  {
    name: 'stored messages that are not heard are not looked for',
    rule: 'F2',
    patch: () =>
      replaced(Room.prototype, {
        expectPublish() {
          this.announcements.stored();
        },
      }),
  },
  {
    name: 'a dead subscription is not given up',
    rule: 'F3',
    fanOut: (fanOut) => changed(fanOut, { reconnect: () => undefined }),
  },
  {
    name: 'rooms are not synced after the subscriber came back',
    rule: 'F4',
    shownBy: [197],
    fanOut: (fanOut) => changed(fanOut, { onInterrupted: () => undefined }),
  },
  {
    name: 'the newest number of a quiet session is not announced',
    rule: 'F4',
    shownBy: [64],
    patch: () => replaced(Announcements.prototype, { tick: () => undefined }),
  },
  {
    name: 'a dropped frame counts as sent',
    rule: 'F6',
    shownBy: [225],
    socket: (socket) =>
      changed(socket, {
        send: (frame) => (socket.send(frame) === 'sent' ? 'sent' : 'buffered'),
      }),
  },
  {
    name: 'members are welcomed before the subscription is confirmed',
    rule: 'F7',
    shownBy: [37],
    fanOut: (fanOut) =>
      changed(fanOut, {
        subscribe: (channel, listener) => {
          // A later rejection is ignored, which is a part of this mutation.
          fanOut.subscribe(channel, listener).catch(() => undefined);
          return Promise.resolve();
        },
      }),
  },
  {
    name: 'a member misses messages that come while it is attached',
    rule: 'R1',
    patch: () => {
      const { attach } = Audience.prototype;
      return replaced(Audience.prototype, {
        attach(member) {
          this.context.clock.setTimeout(() => {
            if (!member.closed) attach.call(this, member);
          }, LATE_MS);
        },
      });
    },
  },
  {
    name: 'a member gets live messages while it is given the history',
    rule: 'R1',
    shownBy: [37],
    patch: () => {
      const { attachAfterHistory } = Audience.prototype;
      return replaced(Audience.prototype, {
        attachAfterHistory(member, from, skipped) {
          attachAfterHistory.call(this, member, from, skipped);
          this.attach(member);
        },
      });
    },
  },
  {
    name: 'a page of the history is given after the history has changed',
    rule: 'F9',
    shownBy: [151, 357, 449, 527],
    faults: 6,
    patch: () => {
      const { page } = HistoryPages.prototype;
      const versions = new Map<string, object>();
      return replaced(HistoryPages.prototype, {
        page(request) {
          const { sessionId } = request.history;
          const version = versions.get(sessionId) ?? {};
          versions.set(sessionId, version);
          return page.call(this, { ...request, history: changed(request.history, { version }) });
        },
      });
    },
  },
  {
    name: 'the history begins one message late',
    rule: 'R1',
    patch: () => historyFrom(1),
  },
  {
    name: 'the history begins one message early',
    rule: 'R1',
    patch: () => historyFrom(-1),
  },
];

function historyFrom(offset: number): () => void {
  const { attachAfterHistory } = Audience.prototype;
  return replaced(Audience.prototype, {
    attachAfterHistory(member, from, skipped) {
      attachAfterHistory.call(this, member, Math.max(1, from + offset), skipped);
    },
  });
}
