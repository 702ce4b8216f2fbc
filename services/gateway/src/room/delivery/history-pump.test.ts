import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { gateOf } from '../../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../../test/support/world.js';
import { HISTORY_PAGE_BYTES } from '../../shared/history-pages.js';

let world: World;
let gateway: GatewayInWorld;
afterEach(() => world.close());

/** A session with m1 … m`count` on a gateway without a tail, so that all history is read from the log. */
async function sessionOf(count: number, options: { historyMax?: number; env?: Record<string, string> } = {}) {
  const { historyMax = 1_000, env = { TAIL_BYTES: '0' } } = options;
  world = new World({ historyMax });
  gateway = world.gateway({ MESSAGE_HISTORY_MAX: String(historyMax), ...env });
  await append(1, count);
}

async function append(from: number, to: number, pad = ''): Promise<void> {
  const head = (id: string) => `"content":"${id}${pad}","sender":"x","timestamp":`;
  for (let seq = from; seq <= to; seq++) {
    const id = `m${seq}`;
    await world.store.append('s', { messages: [{ id, senderKey: 'k', head: head(id) }] });
  }
  await world.settle();
}

/** Connects from the very beginning, with a network that takes nothing yet. */
async function slow(lastSeq = 0): Promise<FakeClient> {
  const member = gateway.dial('s', { resume: { lastSeq, epoch: await world.epochOf('s') } });
  member.socket.stall();
  await world.settle();
  return member;
}

/** Lets the network take everything, piece by piece. */
async function takeAll(member: FakeClient): Promise<void> {
  for (let i = 0; i < 10_000 && member.socket.open && member.socket.bufferedBytes() > 0; i++) {
    member.socket.flush({ stayStalled: true });
    await world.settle();
  }
  if (member.socket.open) member.socket.flush();
  await world.settle();
}

/** What a member was told, in its order: numbers of messages, and gaps. */
function story(member: FakeClient): unknown[] {
  return member.received
    .slice(1)
    .map(({ type, seq, event, from, to }) => (type === 'message' ? seq : [event, from, to]));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('history', () => {
  it.each([
    ['the log', { TAIL_BYTES: '0' }],
    ['the tail', {}],
  ])('R1: of any length comes whole and in order from %s', async (_where, env) => {
    await sessionOf(750, { env });
    const member = await gateway.connect('s', { resume: { lastSeq: 0 } });
    await world.settle();
    expect(member.seqs).toEqual(range(1, 750));
    expect(gateway.counters.recovered).toBe(750);
  });

  it('F6: goes at the pace of the reader: no backlog makes it too slow', async () => {
    await sessionOf(0, { env: { MAX_BACKPRESSURE_BYTES: '20000' } });
    await append(1, 300, 'x'.repeat(1_000));
    const member = await slow();
    expect(member.closeCode).toBeUndefined();
    expect(member.socket.bufferedBytes()).toBeLessThanOrEqual(20_000);
    await takeAll(member);
    expect(member.closeCode).toBeUndefined();
    expect(member.seqs).toEqual(range(1, 300));
    await append(301, 301);
    expect(member.seqs.at(-1)).toBe(301);
  });

  it('F6: is read from the log in parts of at most 256 KiB, and comes whole', async () => {
    await sessionOf(0, { env: { TAIL_BYTES: '0' } });
    await append(1, 60, 'x'.repeat(90_000));
    const member = await slow();
    // From here on only the pump reads: the room is open.
    const read = vi.spyOn(world.store, 'read');
    await takeAll(member);
    expect(member.seqs).toEqual(range(1, 60));
    const reads = await Promise.all(read.mock.results.map(({ value }) => value as ReturnType<typeof world.store.read>));
    const pages = reads.map(({ entries }) => entries.reduce((sum, { body }) => sum + body.length, 0));
    expect(Math.max(...pages)).toBeLessThanOrEqual(HISTORY_PAGE_BYTES);
    expect(pages.filter((bytes) => bytes > 0).length).toBeGreaterThan(3);
  });

  it('F6: also when single messages are larger than the backlog allowed', async () => {
    await sessionOf(0, { env: { MAX_BACKPRESSURE_BYTES: '1024' } });
    await append(1, 20, 'x'.repeat(5_000));
    const member = await slow();
    await takeAll(member);
    expect([member.closeCode, member.seqs]).toEqual([undefined, range(1, 20)]);
  });

  it('reads no page of the log twice, however slow the reader', async () => {
    await sessionOf(0, { env: { TAIL_BYTES: '0', MAX_BACKPRESSURE_BYTES: '2000' } });
    await append(1, 100, 'x'.repeat(900));
    const member = await slow();
    await takeAll(member);
    expect(member.seqs).toEqual(range(1, 100));
    // Opening, the pages, and nothing else.
    expect(gateway.log.of('read').length).toBeLessThanOrEqual(4);
  });

  it('F6: a member that is behind is no burden to the others, and gets what was sent meanwhile after its history', async () => {
    await sessionOf(500);
    const quick = await gateway.connect('s');
    const member = await slow();
    await append(501, 600);
    expect(quick.seqs).toEqual(range(501, 600));
    await takeAll(member);
    expect(member.seqs).toEqual(range(1, 600));
  });

  it('V7: what is trimmed before it could be given is told as a gap, and delivery goes on after it', async () => {
    await sessionOf(200, { historyMax: 200, env: { TAIL_BYTES: '0', MAX_BACKPRESSURE_BYTES: '1024' } });
    const member = await slow();
    const had = member.seqs.length;
    expect(had).toBeLessThan(100);
    await append(201, 550);
    await takeAll(member);
    const told = story(member);
    const gaps = told.filter((part) => Array.isArray(part));
    expect(gaps).toHaveLength(1);
    const [, from, to] = gaps[0] as [string, number, number];
    expect(told).toEqual([...range(1, from - 1), ['gap', from, to], ...range(to + 1, 550)]);
  });

  it('V7: a gap ends where the room is: what it has yet to deliver comes live', async () => {
    await sessionOf(10, { historyMax: 10, env: { TAIL_BYTES: '0', MAX_BACKPRESSURE_BYTES: '1024' } });
    const member = await slow();
    await append(11, 15, 'x'.repeat(300));
    const gate = gateOf(gateway.log, 'read', 'after');
    const later: (() => void)[] = [];
    gateway.fanOut.arrive = (deliver) => void later.push(deliver);
    const late = gateway.dial('s', { resume: { lastSeq: 6, epoch: await world.epochOf('s') } });
    await world.settle();
    await append(16, 40);
    gate.open();
    await world.settle();
    gateway.fanOut.arrive = (deliver) => deliver();
    for (const deliver of later) deliver();
    await world.settle();
    await takeAll(member);
    for (const told of [story(member), story(late)]) {
      const covered = told.flatMap((part) => (Array.isArray(part) ? range(Number(part[1]), Number(part[2])) : [part]));
      expect(covered).toEqual(range(Number(covered[0]), 40));
    }
  });

  it('V7: a log with a hole tells it as a gap, to resuming and to live members', async () => {
    await sessionOf(10, { env: { TAIL_BYTES: '0' } });
    const read = world.store.read.bind(world.store);
    world.store.read = async (id, bounds) => {
      const { entries, ...rest } = await read(id, bounds);
      return { ...rest, entries: entries.filter(({ seq }) => seq !== 4 && seq !== 13) };
    };
    const member = await gateway.connect('s', { resume: { lastSeq: 0 } });
    expect(story(member)).toEqual([1, 2, 3, ['gap', 4, 4], 5, 6, 7, 8, 9, 10]);
    gateway.fanOut.hear = () => false;
    await append(11, 14);
    gateway.fanOut.hear = () => true;
    await append(15, 15);
    expect(story(member).slice(10)).toEqual([11, 12, ['gap', 13, 13], 14, 15]);
  });

  it('D3: waits for a log that does not answer, and loses nothing', async () => {
    await sessionOf(300);
    const epoch = await world.epochOf('s');
    await gateway.connect('s');
    let failures = 3;
    gateway.log.fate = ({ method }) => (method === 'read' && --failures >= 0 ? 'lost before' : 'works');
    const member = await gateway.connect('s', { resume: { lastSeq: 0, epoch } });
    expect(member.seqs).toEqual([]);
    await world.advance(2_000);
    expect(member.seqs).toEqual(range(1, 300));
  });

  it('F9: two hundred readers of one history cost the reads of one, and each has all of it, in order, once', async () => {
    await sessionOf(250);
    const readers = Array.from({ length: 200 }, () => gateway.dial('s', { resume: { lastSeq: 0 } }));
    await world.settle();
    for (const { seqs } of readers) expect(seqs).toEqual(range(1, 250));
    expect(gateway.counters.historyReads).toBe(3);
  });

  it('F9: readers who begin at other places and read at their own pace fall into step', async () => {
    await sessionOf(0);
    await append(1, 120, 'x'.repeat(20_000));
    const epoch = await world.epochOf('s');
    const begins = Array.from({ length: 30 }, (_, reader) => reader * 3);
    const readers = begins.map((lastSeq) => gateway.dial('s', { resume: { lastSeq, epoch } }));
    for (const { socket } of readers) socket.stall();
    await world.settle();
    for (let turn = 0; readers.some(({ socket }) => socket.bufferedBytes() > 0); turn++) {
      for (const [reader, { socket }] of readers.entries()) {
        if (turn % ((reader % 3) + 1) === 0) socket.flush({ stayStalled: true });
      }
      await world.settle();
    }
    for (const [reader, { seqs }] of readers.entries()) {
      expect(seqs).toEqual(range((begins[reader] ?? 0) + 1, 120));
    }
    // Ten pages hold the history once.
    expect(gateway.counters.historyReads).toBeLessThan(40);
  });

  it('F9: a slow reader holds no page, and goes on where it was when its page is forgotten', async () => {
    await sessionOf(0);
    await append(1, 40, 'x'.repeat(20_000));
    const member = await slow();
    member.socket.flush({ stayStalled: true });
    await world.advance(1_000);
    expect(gateway.metrics.gateway.gauges.historyPageBytes).toBeGreaterThan(200_000);
    await world.advance(10_000);
    expect(gateway.metrics.gateway.gauges.historyPageBytes).toBe(0);
    await takeAll(member);
    expect(member.seqs).toEqual(range(1, 40));
  });

  it('stops when its member leaves', async () => {
    await sessionOf(500);
    const member = await slow();
    member.leave();
    await world.settle();
    const reads = gateway.log.of('read').length;
    await world.advance(5_000);
    expect(gateway.log.of('read').length).toBeLessThanOrEqual(reads);
  });
});

describe('a session that ends while its history is given', () => {
  it('T2: expires: what is missing is told as a gap, and the next epoch comes from 1', async () => {
    await sessionOf(0);
    await append(1, 300, 'x'.repeat(1_000));
    const member = await slow();
    const had = member.seqs.length;
    expect(had).toBeLessThan(100);
    await world.advance(3_602_000);
    await append(1, 3);
    await takeAll(member);
    const told = story(member).filter((part) => !Array.isArray(part) || part[0] !== undefined);
    expect(told.slice(0, had)).toEqual(range(1, had));
    expect(told.slice(had)).toEqual([
      ['expiring', undefined, undefined],
      ['gap', had + 1, 300],
      ['expired', undefined, undefined],
      ...range(1, 3),
    ]);
  });

  it('V7: is deleted: the member is told and closed 4404', async () => {
    await sessionOf(300, { env: { MAX_BACKPRESSURE_BYTES: '100000' } });
    const member = await slow();
    await world.store.remove('s');
    await world.settle();
    expect(member.received.at(-1)).toEqual({ type: 'session', event: 'deleted' });
    expect(member.closeCode).toBe(4404);
  });
});
