import { beforeEach, describe, expect, it } from 'vitest';
import type { Member } from '../../ports/member.js';
import { ByteBudget } from '../../shared/memory-budgets.js';
import type { DeliveredHistory } from '../delivery/delivered-history.js';
import { OutageBacklog } from './outage-backlog.js';
import { type Sending, WaitingList } from './waiting-list.js';

const SINCE = { epoch: 'e', seq: 7, id: 'm7' };

let backlog: OutageBacklog;
let waiting: WaitingList;

beforeEach(() => {
  const delivered: Pick<DeliveredHistory, 'position'> = { position: SINCE };
  const metrics = { gauges: { unstoredMessages: 0 } };
  waiting = new WaitingList(delivered as DeliveredHistory, { metrics, unstored: new ByteBudget(1_000_000) });
  backlog = new OutageBacklog(waiting, 0);
});

function memberOf(connectionId: string): Member {
  const member: Pick<Member, 'connectionId'> = { connectionId };
  return member as Member;
}

function sending(
  id: string,
  { senderKey = 'ann', retry = false, connection = 'first', content = 'text' } = {},
): Sending {
  return {
    member: memberOf(connection),
    clientId: id,
    message: { id, senderKey, head: `"content":"${content}",`, ...(retry && { retry: 'anywhere' as const }) },
    bytes: 10,
    arrivedMs: 1,
  };
}

/** Lets these wait, behind what waits already. */
function wait(...sendings: Sending[]): void {
  for (const each of sendings) {
    waiting.add(each);
    backlog.add(waiting.from(waiting.length - 1));
  }
}

/** Sends again on another connection. @returns its place among those that wait, from 0, where it was recognised */
function again(id: string, senderKey = 'ann', connection = 'second'): number | 'conflict' | undefined {
  const repeated = backlog.takeOver(sending(id, { senderKey, retry: true, connection }));
  return repeated === 'conflict' ? repeated : repeated?.place;
}

const ids = (): string[] => waiting.from(0).map(({ message }) => message.id);
const connections = (): string[] => waiting.from(0).map(({ member }) => member.connectionId);

describe('what waits and is sent again', () => {
  it('D2: waits once, at its place, and from then on for the connection that sent it last', () => {
    wait(sending('m1'), sending('m2'), sending('m3'));
    expect(again('m2')).toBe(1);
    expect(ids()).toEqual(['m1', 'm2', 'm3']);
    expect(connections()).toEqual(['first', 'second', 'first']);
    expect(again('m2', 'ann', 'third')).toBe(1);
    expect(connections()).toEqual(['first', 'third', 'first']);
  });

  it('D2: stays what it was when it came first, and where its sender was then', () => {
    wait(sending('m1'));
    again('m1');
    expect(waiting.from(0)).toEqual([{ ...sending('m1'), member: memberOf('second'), since: SINCE }]);
  });

  it('D2: is found among many of many senders, in whatever order it comes', () => {
    const senders = Array.from({ length: 20 }, (_, index) => `sender-${index}`);
    const names = Array.from({ length: 50 }, (_, index) => `m${index}`).flatMap((id) =>
      senders.map((senderKey) => ({ id, senderKey })),
    );
    wait(...names.map(({ id, senderKey }) => sending(id, { senderKey })));
    const before = ids();
    const places = names.map((_, place) => place);
    expect(names.map(({ id, senderKey }) => again(id, senderKey))).toEqual(places);
    expect(names.toReversed().map(({ id, senderKey }) => again(id, senderKey))).toEqual(places.toReversed());
    expect(ids()).toEqual(before);
    expect(new Set(connections())).toEqual(new Set(['second']));
    expect(waiting.from(0).map(({ message }) => message.senderKey)).toEqual(names.map(({ senderKey }) => senderKey));
  });

  it('A4: is found also where its sender does not call it a repetition; another content is a conflict', () => {
    wait(sending('m1'));
    expect(backlog.takeOver(sending('m1', { connection: 'second' }))).toMatchObject({ place: 0 });
    for (const retry of [true, false]) {
      expect(backlog.takeOver(sending('m1', { retry, connection: 'third', content: 'another' }))).toBe('conflict');
    }
    expect(connections()).toEqual(['second']);
  });

  it('D2: is found wherever it has moved to since what was before it was stored', () => {
    wait(sending('m1'), sending('m2'), sending('m3'));
    expect(again('m3')).toBe(2);
    waiting.remove(waiting.first(2));
    expect(again('m3', 'ann', 'third')).toBe(0);
    expect(connections()).toEqual(['third']);
  });
});

describe('what does not wait already', () => {
  it('is what nobody has sent, or somebody else has', () => {
    wait(sending('m1'));
    expect([again('m2'), again('m1', 'bob')]).toEqual([undefined, undefined]);
    expect(connections()).toEqual(['first']);
  });

  it('A4: is whatever comes from nobody, for its name may be anybody’s', () => {
    wait(sending('m1', { senderKey: '' }));
    expect(again('m1', '')).toBeUndefined();
  });

  it('is what has been stored or given up meanwhile', () => {
    wait(sending('m1'), sending('m2'));
    waiting.remove(waiting.first(1));
    expect([again('m1'), again('m2')]).toEqual([undefined, 0]);
    expect(ids()).toEqual(['m2']);
  });
});
