import { announcedRandom, runs } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from './events.js';
import { MessageList, mergeInOrder } from './message-list.js';

const base = { content: '', sender: 's', timestamp: 0, isSent: false, sessionId: 'room' };
const numbered = (seq: number, id = `m${seq}`): ChatMessage => ({ ...base, id, seq });
const pending = (id: string): ChatMessage => ({ ...base, id, pending: true });

function listOf(...messages: ChatMessage[]): MessageList {
  const list = new MessageList(100);
  for (const message of messages) list.put(message);
  return list;
}

const ids = (list: MessageList) => list.messages().map(({ id }) => id);

describe('MessageList', () => {
  it('puts pending messages last, and a message where its number belongs once it has one', () => {
    const list = listOf(numbered(1), pending('a'), pending('b'), numbered(2));
    expect(ids(list)).toEqual(['m1', 'm2', 'a', 'b']);
    list.put(numbered(3, 'b'));
    expect(ids(list)).toEqual(['m1', 'm2', 'b', 'a']);
  });

  it('keeps messages without numbers where they arrived', () => {
    const unstored = { ...base, id: 'x' };
    expect(ids(listOf(numbered(1), unstored, numbered(2)))).toEqual(['m1', 'x', 'm2']);
  });

  it('tells equal ids of different senders apart', () => {
    expect(listOf(numbered(1, 'a'), { ...numbered(2, 'a'), sender: 'another' }).size).toBe(2);
  });

  it('V7: shows what comes after a reset behind what came before, in its own order', () => {
    const list = listOf(numbered(1), numbered(2), numbered(3));
    list.reset();
    list.put(numbered(2, 'x'));
    list.put(numbered(3, 'm2'));
    list.put(numbered(4, 'm3'));
    expect(ids(list)).toEqual(['m1', 'x', 'm2', 'm3']);
  });

  it('adds from a history what is missing', () => {
    const list = listOf(numbered(2), pending('a'));
    list.merge([numbered(1), numbered(2), numbered(3)]);
    expect(ids(list)).toEqual(['m1', 'm2', 'm3', 'a']);
  });

  it('adds the message of another sender that has the same id', () => {
    const list = listOf(numbered(2, 'a'));
    list.merge([{ ...numbered(1, 'a'), sender: 'another' }, numbered(2, 'a')]);
    expect(list.messages().map(({ sender }) => sender)).toEqual(['another', 's']);
  });

  it('H4: counts each message of a history that does not fit once, however often it is read', () => {
    const history = [1, 2, 3, 4, 5, 6].map((seq) => numbered(seq));
    const list = new MessageList(2);
    for (const seq of [4, 5, 6]) list.put(numbered(seq));
    for (let read = 1; read <= 2; read++) {
      list.merge(history);
      expect([ids(list), list.dropped]).toEqual([['m5', 'm6'], 4]);
    }
    list.reset();
    list.merge([numbered(1, 'x')]);
    expect([ids(list), list.dropped]).toEqual([['m6', 'x'], 5]);
  });

  it('can be emptied', () => {
    const list = new MessageList(1);
    for (const seq of [1, 2]) list.put(numbered(seq));
    list.clear();
    list.merge([numbered(1)]);
    expect([ids(list), list.dropped]).toEqual([['m1'], 0]);
  });

  it('lets the oldest go beyond its limit, and counts them', () => {
    const list = new MessageList(2);
    for (const seq of [1, 2, 3]) list.put(numbered(seq));
    expect([ids(list), list.dropped]).toEqual([['m2', 'm3'], 1]);
  });

  it('takes over what another tab has kept, in its order, and leaves pending messages last', () => {
    const at = (id: string, timestamp: number) => ({ ...base, id, timestamp });
    const list = listOf(at('a', 1), at('c', 3), pending('p'));
    list.adopt([at('a', 1), at('b', 2), at('c', 3), at('d', 4), { ...at('p', 5) }]);
    expect(ids(list)).toEqual(['a', 'b', 'c', 'd', 'p']);
    list.put(numbered(1));
    expect(ids(list)).toEqual(['a', 'b', 'c', 'd', 'm1', 'p']);
  });

  it('keeps no more of what it takes over than it may', () => {
    const list = new MessageList(2);
    list.adopt(['a', 'b', 'c'].map((id) => ({ ...base, id })));
    expect([ids(list), list.dropped]).toEqual([['b', 'c'], 1]);
  });

  it('H4: puts the messages of the history before those of an earlier page by their time', () => {
    const list = new MessageList(10);
    const at = (seq: number) => ({ ...numbered(seq), timestamp: seq });
    list.adopt([at(2), at(4)]);
    list.merge([1, 2, 3, 4, 5].map(at));
    expect(ids(list)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
  });

  it('joins any two orders without losing or doubling a message, and keeps the first one', () => {
    const random = announcedRandom('two orders of messages');
    for (let round = 0; round < runs(300); round++) {
      const draw = () =>
        random
          .shuffle(Array.from({ length: 8 }, (_, index) => ({ ...base, id: `m${index}`, timestamp: random.int(0, 4) })))
          .filter(() => random.chance(0.6));
      const [first, other] = [draw(), draw()];
      const merged = mergeInOrder(first, other).map(({ id }) => id);
      const all = new Set([...first, ...other].map(({ id }) => id));
      expect([merged.length, new Set(merged)]).toEqual([all.size, all]);
      const inFirst = first.map(({ id }) => id);
      expect(merged.filter((id) => inFirst.includes(id))).toEqual(inFirst);
    }
  });
});
