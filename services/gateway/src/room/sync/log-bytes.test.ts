import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { type GatewayInWorld, World } from '../../../test/support/world.js';

/** A log of ten entries and 2,000 bytes: an entry above 200 bytes is large, and five of these are too many. */
const BOUNDS = { MESSAGE_HISTORY_MAX: '10', SESSION_MAX_BYTES: '2000' };
/** A message of about 420 bytes in the log. */
const large = (n: number): string => `m${n}-${'x'.repeat(170)}`;
const LIVE = liveChannel('s');

let world: World;
let gateway: GatewayInWorld;
let framed: FakeClient;
let epoch: string;
beforeEach(async () => {
  world = new World({ historyMax: 10, sessionMaxBytes: 2_000 });
  gateway = world.gateway(BOUNDS);
  framed = await gateway.connect('s');
  epoch = await world.epochOf('s');
});
afterEach(() => world.close());

const firstKept = async (): Promise<number> => (await world.store.read('s', { newest: 0 })).firstSeq;

/** Stores messages that the gateway does not hear of. */
async function unheard(...ids: string[]): Promise<void> {
  gateway.fanOut.hear = (channel) => channel !== LIVE;
  await world.append('s', ...ids);
  await world.settle();
  gateway.fanOut.hear = () => true;
}

describe('a log that is trimmed by bytes', () => {
  it('K2, V7: what a room has missed of it is a gap, and no loss that is put back or joined', async () => {
    await world.append('s', 'a', 'b', 'c');
    await world.settle();
    await unheard(...[4, 5, 6, 7, 8, 9].map(large));
    const first = await firstKept();
    expect(first).toBeGreaterThan(4);
    gateway.fanOut.interrupt();
    await world.advance(3_000);
    expect(await world.epochOf('s')).toBe(epoch);
    expect(framed.ofType('session')).toEqual([{ type: 'session', event: 'gap', from: 4, to: first - 1 }]);
    expect(framed.seqs).toEqual([1, 2, 3, ...[6, 7, 8, 9].filter((seq) => seq >= first)]);
    expect(gateway.log.of('fork').length + gateway.log.of('heal').length).toBe(0);
  });

  it('K2, F5: the tail reaches no further back than the log, so that a look into the log puts nothing back', async () => {
    for (let n = 1; n <= 12; n++) await world.append('s', n % 3 === 0 ? large(n) : `m${n}`);
    await world.settle();
    gateway.fanOut.interrupt();
    await world.settle();
    expect(gateway.log.of('heal')).toEqual([]);
  });

  it('R1, R2, V1: a welcome tells where the log begins now, also after what came live', async () => {
    await world.append('s', ...[1, 2, 3, 4].map(large));
    await world.settle();
    expect((await gateway.connect('s')).welcome).toMatchObject({ seq: 4, firstSeq: 1 });
    await world.advance(1_000);
    await world.append('s', large(5), large(6));
    await world.settle();
    const first = await firstKept();
    const late = await gateway.connect('s', { resume: { lastSeq: 1, epoch } });
    expect(late.welcome).toMatchObject({ recovered: false, seq: 6, firstSeq: first });
    expect(late.ofType('session')).toEqual([]);
    expect(late.seqs[0]).toBe(first);
    const whole = await gateway.connect('s', { resume: { lastSeq: first - 1, epoch } });
    expect(whole.welcome).toMatchObject({ recovered: true, firstSeq: first });
    expect(whole.seqs).toEqual(late.seqs);
  });

  it('R1: where nothing large is kept, a join costs no read more', async () => {
    await world.append('s', 'a', 'b');
    await world.settle();
    await world.advance(1_000);
    await world.append('s', 'c');
    await world.settle();
    const before = gateway.log.of('read').length;
    await gateway.connect('s');
    expect(gateway.log.of('read').length).toBe(before);
  });

  it('K2, G2: a history that is lost is put back as far as the log may have it', async () => {
    for (let n = 1; n <= 9; n++) framed.say(`id${n}`, large(n));
    await world.settle();
    const before = await world.ids('s');
    await world.silence();
    world.store.lose();
    await world.answer();
    await world.advance(2_000);
    expect(await world.epochOf('s')).toBe(epoch);
    const after = await world.ids('s');
    // The tail counts a message a little higher than the log.
    expect(before.slice(-after.length)).toEqual(after);
    expect(before.length - after.length).toBeLessThanOrEqual(1);
  });
});

describe('what goes to and from Redis at once', () => {
  it('F6, G2: large histories are read, put back and told in parts of about 1 MiB', async () => {
    await world.close();
    world = new World();
    gateway = world.gateway({ TAIL_BYTES: '100000000', MESSAGE_MAX_BYTES: '400000' });
    const content = 'x'.repeat(300_000);
    const messages = Array.from({ length: 20 }, (_, at) => ({
      id: `m${at + 1}`,
      senderKey: 'back-end',
      head: `"content":"${content}","sender":"b","timestamp":`,
    }));
    await world.store.append('s', { messages });
    framed = await gateway.connect('s', { resume: { lastSeq: 0 } });
    await world.settle();
    expect(gateway.log.of('read').length).toBeGreaterThan(6);
    expect(framed.seqs).toEqual(messages.map((_, at) => at + 1));
    await world.silence();
    world.store.lose();
    await world.answer();
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual(messages.map(({ id }) => id));
    expect(gateway.log.of('heal').length).toBeGreaterThan(6);
  });

  it('F2: a message larger than a read is delivered to a room that has missed it', async () => {
    await world.close();
    world = new World();
    gateway = world.gateway({ TAIL_BYTES: '100000000', MESSAGE_MAX_BYTES: '2000000' });
    framed = await gateway.connect('s');
    const huge = (n: number) => ({
      id: `m${n}`,
      senderKey: 'back-end',
      head: `"content":"${'x'.repeat(1_500_000)}","sender":"b","timestamp":`,
    });
    await world.store.append('s', { messages: [huge(1)] });
    await world.settle();
    gateway.fanOut.hear = (channel) => channel !== LIVE;
    await world.store.append('s', { messages: [huge(2), huge(3)] });
    gateway.fanOut.hear = () => true;
    gateway.fanOut.interrupt();
    await world.settle();
    expect(framed.seqs).toEqual([1, 2, 3]);
  });
});
