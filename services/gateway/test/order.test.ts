import {
  announcedRandom,
  eventually,
  type Frame,
  type RedisServer,
  type SeededRandom,
  type ServiceProcess,
  startFaultProxy,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  isMessage,
  joinFramed,
  joinPlain,
  startGatewayProcess,
  type WelcomedMember,
} from './support/gateway-process.js';

let redis: RedisServer;
let one: ServiceProcess;
let two: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  const env = { MAX_MESSAGES_PER_SECOND: '0', MESSAGE_HISTORY_MAX: '5000' };
  [one, two] = await Promise.all([
    startGatewayProcess(redis.url, env, 'gateway 1'),
    startGatewayProcess(redis.url, { ...env, REDIS_POOL_SIZE: '3' }, 'gateway 2'),
  ]);
});
afterAll(stopAll);

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
const seqOf = (frame: Frame): unknown => frame['seq'];

/** Lets the senders send in turns, so that their messages meet at the store. Ids tell the sender and the number. */
async function speak(senders: readonly WelcomedMember[], each: number): Promise<void> {
  for (let n = 0; n < each; n++) {
    for (const [who, { client }] of senders.entries())
      client.send({ type: 'send', id: `s${who}-${n}`, content: `${n}` });
    if (n % 20 === 19) await new Promise(setImmediate);
  }
}

describe('two gateways, one session', () => {
  it('V2, F2: every member gets every message in the same order under concurrent load, gapless', async () => {
    const members = await Promise.all([one, two, one, two].map((gateway) => joinFramed(gateway, 'order')));
    await speak(members, 250);
    const heard = await Promise.all(members.map(({ client }) => client.frames.take(1_000, isMessage, 60_000)));
    const [first = []] = heard;
    expect(first.map(seqOf)).toEqual(numbers(1_000));
    for (const other of heard) expect(other).toEqual(first);
    for (const who of members.keys()) {
      const own = first.map(({ id }) => String(id)).filter((id) => id.startsWith(`s${who}-`));
      expect(own).toEqual(numbers(250, 0).map((n) => `s${who}-${n}`));
    }
    expect(await redis.cli('xlen', '{session:order}:log')).toBe('1000');
    for (const gateway of [one, two]) expect(await gateway.metric('holdfast_ledger_imbalance')).toBe(0);
  });

  it('REDIS_POOL_SIZE: sessions are spread over as many connections', async () => {
    const members = await Promise.all(numbers(30).map((n) => joinFramed(two, `spread-${n}`)));
    /** Ids of connections that have carried an append. A connection's last command may also have been a canary. */
    const carriers = new Set<string>();
    await eventually('three connections to have carried an append', async () => {
      const id = `m${carriers.size}-${performance.now()}`;
      for (const { client } of members) client.send({ type: 'send', id, content: 'x' });
      await Promise.all(members.map(({ client }) => client.frames.next({ id })));
      for (const line of (await redis.cli('client', 'list')).split('\n')) {
        const [, carrier] = /^id=(\d+) .* name=holdfast-gateway .*cmd=eval/.exec(line) ?? [];
        if (carrier !== undefined) carriers.add(carrier);
      }
      return carriers.size >= 3;
    });
  });

  it('P2: plain members get the same messages, with the count of the session', async () => {
    const plain = [await joinPlain(one, 'mixed'), await joinPlain(two, 'mixed')];
    const { client } = await joinFramed(one, 'mixed');
    for (const [n, member] of plain.entries()) {
      member.sendRaw(`from ${n}`);
      await client.frames.next({ content: `from ${n}` });
    }
    client.send({ type: 'send', id: 'm3', content: 'last' });
    for (const member of plain) {
      expect(await member.frames.next({ echo: 'last' })).toMatchObject({ count: 3, content: 'Message #3: last' });
    }
  });
});

describe('resuming while others send', () => {
  /** Leaves and resumes again and again, on either gateway, while others send. @returns all messages it got */
  async function roam(random: SeededRandom, session: string, until: number): Promise<Frame[]> {
    let { client, welcome } = await joinFramed(one, session);
    const heard: Frame[] = [];
    const from = Number(welcome['seq']);
    for (;;) {
      const wanted = Math.min(heard.length + random.int(1, 120), until - from);
      const frames = await client.frames.take(wanted - heard.length, isMessage, 60_000);
      heard.push(...frames);
      client.terminate();
      const last = heard.at(-1);
      if (heard.length === until - from) return heard;
      const position = {
        last_seq: Number(last?.['seq']),
        last_id: String(last?.['id']),
        epoch: String(welcome['epoch']),
      };
      ({ client, welcome } = await joinFramed(random.pick([one, two]), session, position));
      expect(welcome).toMatchObject({ recovered: true });
    }
  }

  it('R1: no gap, no duplicate, in order', async () => {
    const random = announcedRandom('resuming while others send');
    const senders = await Promise.all([one, two].map((gateway) => joinFramed(gateway, 'resumed')));
    const roaming = [1, 2, 3].map((n) => roam(random.fork(String(n)), 'resumed', 1_200));
    await new Promise(setImmediate);
    await speak(senders, 600);
    for (const heard of await Promise.all(roaming)) {
      const first = Number(heard[0]?.['seq']);
      expect(heard.map(seqOf)).toEqual(numbers(heard.length, first));
      expect(heard.at(-1)?.['seq']).toBe(1_200);
    }
  });

  it('R2: another epoch, or another id at the number: not recovered, everything kept from firstSeq, then live', async () => {
    const { client, welcome } = await joinFramed(one, 'contradicted');
    for (const n of [1, 2, 3]) client.send({ type: 'send', id: `m${n}`, content: 'x' });
    await client.frames.next({ seq: 3 });
    const positions = [
      { last_seq: 2, last_id: 'm2', epoch: 'another' },
      { last_seq: 2, last_id: 'other', epoch: String(welcome['epoch']) },
      { last_seq: 9, last_id: 'm9', epoch: String(welcome['epoch']) },
    ];
    const resumed = await Promise.all(positions.map((position) => joinFramed(two, 'contradicted', position)));
    client.send({ type: 'send', id: 'm4', content: 'x' });
    for (const each of resumed) {
      expect(each.welcome).toMatchObject({ recovered: false, seq: 3, firstSeq: 1 });
      expect((await each.client.frames.take(4, isMessage)).map(seqOf)).toEqual([1, 2, 3, 4]);
    }
  });

  it('R3: without last_seq no history; with last_seq=0 all of it', async () => {
    const { client } = await joinFramed(one, 'fresh');
    for (const n of [1, 2, 3]) client.send({ type: 'send', id: `m${n}`, content: 'x' });
    await client.frames.next({ seq: 3 });
    const [without, all] = [await joinFramed(two, 'fresh'), await joinFramed(two, 'fresh', { last_seq: 0 })];
    expect([without.welcome['recovered'], all.welcome['recovered']]).toEqual([false, true]);
    client.send({ type: 'send', id: 'm4', content: 'x' });
    expect(seqOf(await without.client.frames.next(isMessage))).toBe(4);
    expect((await all.client.frames.take(4, isMessage)).map(seqOf)).toEqual([1, 2, 3, 4]);
  });
});

describe('a way to Redis that breaks', () => {
  it('A5: an append whose answer was lost is stored once, and delivered to everybody', async () => {
    const proxy = await startFaultProxy({ port: redis.port });
    const shaky = await startGatewayProcess(`redis://127.0.0.1:${proxy.port}/0`, {}, 'shaky gateway');
    const witness = await joinFramed(one, 'lost-answer');
    const { client } = await joinFramed(shaky, 'lost-answer', { client: 'secret-of-a-client-01' });
    const cut = proxy.cutAfterRequest((bytes) => bytes.includes('"content":"precious"'));
    client.send({ type: 'send', id: 'm1', content: 'precious' });
    await cut;
    client.send({ type: 'send', id: 'm2', content: 'next' });
    for (const each of [client, witness.client]) {
      expect((await each.frames.take(2, isMessage)).map(({ seq, id }) => [seq, id])).toEqual([
        [1, 'm1'],
        [2, 'm2'],
      ]);
    }
    expect(await redis.cli('xlen', '{session:lost-answer}:log')).toBe('2');
    await eventually(
      'the gateway to say that Redis answers',
      async () => (await shaky.readiness()).body['storage'] === 'redis',
    );
  });

  it('F4: what was published while the subscriber was cut off is delivered when it is back', async () => {
    const { client } = await joinFramed(one, 'deaf');
    const speaker = await joinFramed(two, 'deaf');
    for (let round = 0; round < 3; round++) {
      await redis.cli('client', 'kill', 'type', 'pubsub');
      for (let n = 1; n <= 10; n++) speaker.client.send({ type: 'send', id: `r${round}-${n}`, content: 'x' });
      await client.frames.next({ id: `r${round}-10` });
    }
    expect(client.frames.matching(isMessage).map(seqOf)).toEqual(numbers(30));
    expect((await speaker.client.frames.take(30, isMessage)).map(seqOf)).toEqual(numbers(30));
  });
});
