import { runs, SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

const SEEDS = runs(20);
const LIVE = '{session:s}:live';
const HISTORY = 1_000;

/** Runs what it is given after a while, in the order it was given. */
function inOrder(world: World, random: SeededRandom, maxMs: number): (run: () => void) => void {
  let lastMs = 0;
  return (run) => {
    lastMs = Math.max(lastMs, world.clock.monotonic() + random.int(0, maxMs));
    world.clock.setTimeout(run, lastMs - world.clock.monotonic());
  };
}

/** Makes a gateway's way to and from Redis slow and lossy. */
function disturb(gateway: GatewayInWorld, random: SeededRandom): void {
  const { world, log, fanOut } = gateway;
  const [there, back] = [inOrder(world, random, 8), inOrder(world, random, 8)];
  let wasLost = false;
  log.fate = async ({ method }) => {
    await new Promise<void>((resolve) => there(resolve));
    if (method !== 'append') return 'works';
    // Several in a row would be an outage, where members are shown what is pending.
    wasLost = !wasLost && random.chance(0.05);
    if (!wasLost) return 'works';
    return random.pick(['lost before', 'lost after']);
  };
  log.answered = () => new Promise<void>((resolve) => back(resolve));
  fanOut.arrive = inOrder(world, random, 12);
  fanOut.hear = (channel) => channel !== LIVE || !random.chance(0.05);
}

/** One person, on one connection after another. */
class Person {
  readonly sockets: FakeClient[] = [];
  readonly sent: string[] = [];
  #client: FakeClient;

  constructor(
    readonly name: string,
    gateway: GatewayInWorld,
  ) {
    this.#client = this.#dial(gateway);
  }

  /** Sends something new; only once it was welcomed, so that it is never lost with the connection. */
  say(): void {
    if (this.#client.received.length === 0) return;
    const id = `${this.name}-${this.sent.length}`;
    this.sent.push(id);
    this.#client.say(id);
  }

  /** Leaves, and goes on where it was on another gateway. Sends again what it has not seen come back. */
  move(gateway: GatewayInWorld): void {
    if (this.#client.received.length === 0) return;
    const { epoch } = this.#client.welcome;
    // A welcome tells where the room is, not what this client has had.
    const last = this.sockets.flatMap((socket) => socket.ofType('message')).at(-1);
    this.#client.leave();
    const lastSeq = Number(last?.['seq'] ?? this.sockets[0]?.welcome['seq']);
    const resume = { lastSeq, epoch: String(epoch), ...(last ? { lastId: String(last['id']) } : {}) };
    this.#client = this.#dial(gateway, resume);
    const seen = new Set(this.sockets.flatMap((socket) => [...idsOf(socket), ...acksOf(socket)]));
    for (const id of this.sent) if (!seen.has(id)) this.#client.say(id, id, { retry: true });
  }

  #dial(gateway: GatewayInWorld, resume?: { lastSeq: number; epoch: string }): FakeClient {
    const client = gateway.dial('s', { client: `secret-of-${this.name}-000`, ...(resume ? { resume } : {}) });
    this.sockets.push(client);
    return client;
  }
}

const idsOf = (client: FakeClient): string[] => client.ofType('message').map((frame) => String(frame['id']));
const acksOf = (client: FakeClient): string[] => client.ofType('ack').map((frame) => String(frame['id']));

async function play(seed: number): Promise<{ world: World; people: Person[]; late: FakeClient[] }> {
  const random = new SeededRandom(seed);
  const world = new World({ historyMax: HISTORY });
  const settings = { MAX_MESSAGES_PER_SECOND: '0', TAIL_BYTES: random.pick(['0', '3000', '1000000']) };
  const gateways = [1, 2, 3].map(() => world.gateway(settings, { random: random.next }));
  for (const gateway of gateways) disturb(gateway, random.fork(String(gateways.indexOf(gateway))));
  await world.advance(50);
  const people = ['ann', 'bob', 'eve', 'joe'].map((name) => new Person(name, random.pick(gateways)));
  const late: FakeClient[] = [];
  for (let step = 0; step < 300; step++) {
    const person = random.pick(people);
    if (random.chance(0.04)) person.move(random.pick(gateways));
    else if (random.chance(0.02)) late.push(random.pick(gateways).dial('s', { resume: { lastSeq: 0 } }));
    else person.say();
    if (random.chance(0.5)) await world.advance(random.int(0, 10));
  }
  await world.advance(2_000);
  // What was lost at the very end shows when the subscriber connects anew (F4).
  for (const gateway of gateways) {
    gateway.fanOut.hear = () => true;
    gateway.fanOut.interrupt();
  }
  await world.advance(2_000);
  return { world, people, late };
}

/** Each number right after the one before. */
function expectGapless(seqs: readonly number[], from: number): void {
  expect(seqs).toEqual(seqs.map((_, index) => from + index));
}

describe('messages of several gateways whose publishes, answers and calls are late or lost', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
    'R1, V2, F2, A4: seed %i: every member gets every message once, in one order, across reconnects',
    async (seed) => {
      const { world, people, late } = await play(seed);
      const stored = await world.ids('s');
      expect([...stored].sort()).toEqual(people.flatMap(({ sent }) => sent).sort());
      for (const { name, sent, sockets } of people) {
        expect(stored.filter((id) => id.startsWith(name))).toEqual(sent);
        const first = sockets[0]?.welcome;
        const seqs = sockets.flatMap((socket) => socket.seqs);
        expectGapless(seqs, Number(first?.['seq']) + 1);
        expect(sockets.flatMap(idsOf)).toEqual(stored.slice(Number(first?.['seq'])));
        expect(seqs.at(-1) ?? first?.['seq']).toBe(stored.length);
        for (const socket of sockets.slice(1))
          if (socket.received.length > 0) expect(socket.welcome['recovered']).toBe(true);
      }
      for (const client of late) expect(idsOf(client)).toEqual(stored);
      await world.close();
    },
  );
});
