import { beforeEach, describe, expect, it } from 'vitest';
import type { Member } from '../../ports/member.js';
import type { RoomContext } from '../../shared/gateway-context.js';
import type { AppendRoom } from './append-room.js';
import type { Sending, Waiting } from './batch.js';
import { OutageBacklog } from './outage-backlog.js';

const SINCE = { epoch: 'e', seq: 7, id: 'm7' };

let held: OutageBacklog;
let waiting: Waiting[];
let counters: { duplicates: number };
/** Ids of what members were shown as pending, with the place they were told. */
let shown: [id: string, place: number][];

beforeEach(() => {
  waiting = [];
  counters = { duplicates: 0 };
  shown = [];
  const room: Pick<AppendRoom, 'showPending'> = {
    showPending: ({ message }, place) => void shown.push([message.id, place]),
  };
  const context = { metrics: { counters } };
  held = new OutageBacklog(room as AppendRoom, context as RoomContext);
});

function memberOf(connectionId: string): Member {
  const member: Pick<Member, 'connectionId'> = { connectionId };
  return member as Member;
}

function sending(id: string, { senderKey = 'ann', retry = false, connection = 'first' } = {}): Sending {
  return {
    member: memberOf(connection),
    clientId: id,
    message: { id, senderKey, head: `"content":"${connection}",`, ...(retry && { retry: 'anywhere' as const }) },
    bytes: 10,
    arrivedMs: 1,
  };
}

/** Lets these wait, behind what waits already. */
function wait(...sendings: Sending[]): void {
  const added = sendings.map((each) => ({ ...each, since: SINCE }));
  waiting.push(...added);
  held.add(added);
}

/** Sends again on another connection. @returns whether it was recognised */
const again = (id: string, senderKey = 'ann', connection = 'second'): boolean =>
  held.takes(sending(id, { senderKey, retry: true, connection }), waiting);

const ids = (): string[] => waiting.map(({ message }) => message.id);
const connections = (): string[] => waiting.map(({ member }) => member.connectionId);

describe('what waits and is sent again', () => {
  it('D2: waits once, at its place, and from then on for the connection that sent it last', () => {
    wait(sending('m1'), sending('m2'), sending('m3'));
    expect(again('m2')).toBe(true);
    expect(ids()).toEqual(['m1', 'm2', 'm3']);
    expect(connections()).toEqual(['first', 'second', 'first']);
    expect(again('m2', 'ann', 'third')).toBe(true);
    expect(connections()).toEqual(['first', 'third', 'first']);
    expect(counters.duplicates).toBe(2);
  });

  it('D2: stays what it was when it came first, and where its sender was then', () => {
    wait(sending('m1'));
    again('m1');
    expect(waiting).toEqual([{ ...sending('m1'), member: memberOf('second'), since: SINCE }]);
  });

  it('V3: is shown with its place', () => {
    wait(sending('m1'), sending('m2'), sending('m3'));
    for (const id of ['m1', 'm3']) expect(again(id)).toBe(true);
    expect(shown).toEqual([
      ['m1', 1],
      ['m3', 3],
    ]);
  });

  it('D2: is found among many of many senders, in whatever order it comes', () => {
    const senders = Array.from({ length: 20 }, (_, index) => `sender-${index}`);
    const names = Array.from({ length: 50 }, (_, index) => `m${index}`).flatMap((id) =>
      senders.map((senderKey) => ({ id, senderKey })),
    );
    wait(...names.map(({ id, senderKey }) => sending(id, { senderKey })));
    const before = ids();
    for (const { id, senderKey } of [...names, ...names.toReversed()]) expect(again(id, senderKey)).toBe(true);
    expect(ids()).toEqual(before);
    expect(new Set(connections())).toEqual(new Set(['second']));
    expect(waiting.map(({ message }) => message.senderKey)).toEqual(names.map(({ senderKey }) => senderKey));
  });

  it('D2: is found wherever it has moved to since what was before it was stored', () => {
    wait(sending('m1'), sending('m2'), sending('m3'));
    expect(again('m3')).toBe(true);
    waiting.splice(0, 2);
    expect(again('m3', 'ann', 'third')).toBe(true);
    expect(connections()).toEqual(['third']);
  });
});

describe('what does not wait already', () => {
  it('is what nobody has sent, or somebody else has', () => {
    wait(sending('m1'));
    expect([again('m2'), again('m1', 'bob')]).toEqual([false, false]);
    expect(connections()).toEqual(['first']);
  });

  it('A4: is what its sender does not call a repetition', () => {
    wait(sending('m1'));
    expect(held.takes(sending('m1', { connection: 'second' }), waiting)).toBe(false);
  });

  it('A4: is whatever comes from nobody, for its name may be anybody’s', () => {
    wait(sending('m1', { senderKey: '' }));
    expect(again('m1', '')).toBe(false);
  });

  it('is what has been stored or given up meanwhile', () => {
    wait(sending('m1'), sending('m2'));
    waiting.shift();
    expect([again('m1'), again('m2')]).toEqual([false, true]);
    expect(ids()).toEqual(['m2']);
  });
});
