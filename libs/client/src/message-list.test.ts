import { describe, expect, it } from 'vitest';
import type { ChatMessage } from './events.js';
import { MessageList } from './message-list.js';

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
});
