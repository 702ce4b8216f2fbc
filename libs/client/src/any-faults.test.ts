import { FakeClock, SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { type Faults, ModelGateway, NO_FAULTS } from '../test/model-gateway.js';
import { type ChatMessage, HoldfastClient, type SendResult } from './index.js';

const SEEDS = 150;
const MEMBERS = 3;
const SENDS = 25;

/** What one member was given. */
class View {
  /** By message id, its newest number. */
  readonly numbers = new Map<string, number>();
  /** Ids in the order in which the messages were given as new. */
  readonly news: string[] = [];
  readonly breaks: string[] = [];

  constructor(client: HoldfastClient) {
    client.on('message', (message) => {
      this.news.push(message.id);
      this.#note(message);
    });
    client.on('update', (message) => this.#note(message));
    client.on('gap', (gap) => this.breaks.push(`gap ${gap.from}-${gap.to}`));
  }

  #note({ id, seq }: ChatMessage): void {
    this.numbers.set(id, seq ?? 0);
  }
}

async function run(seed: number, faults: Partial<Faults>) {
  const random = new SeededRandom(seed);
  const clock = new FakeClock();
  const gateway = new ModelGateway(clock, random, { ...NO_FAULTS, ...faults });
  const results: Promise<SendResult>[] = [];
  const clients = Array.from({ length: MEMBERS }, (_, member) => {
    let ids = 0;
    return new HoldfastClient({
      url: 'ws://model/',
      sessionId: 'room',
      redisPersistence: true,
      history: true,
      client: `secret-of-sixteen-${member}`,
      webSocket: gateway.socket,
      clock: { ...clock, clearTimeout: (timer) => clock.clearTimeout(timer as never) },
      random: random.next,
      newId: () => `${member}-${++ids}`,
    });
  });
  const views = clients.map((client) => new View(client));
  for (const client of clients) {
    client.connect();
    for (let i = 0; i < SENDS; i++) {
      clock.setTimeout(() => results.push(client.send(`${i}`).result), random.int(0, 10_000));
    }
  }
  clock.advance(10_000);
  gateway.faults = NO_FAULTS;
  clock.advance(120_000);
  const sent = await Promise.all(results);
  for (const client of clients) client.close();
  return { gateway, clients, views, sent };
}

/** The client's promises: no message is lost, none is given twice, and there is one order. */
function audit(seed: number, { gateway, views, sent }: Awaited<ReturnType<typeof run>>): void {
  const log = gateway.log.map(({ id, seq }) => [id, seq] as const);
  const byId = new Map(log);
  expect([seed, log.length, byId.size]).toEqual([seed, MEMBERS * SENDS, MEMBERS * SENDS]);
  expect([seed, sent.filter(({ ok }) => !ok)]).toEqual([seed, []]);
  for (const view of views) {
    expect([seed, view.breaks]).toEqual([seed, []]);
    expect([seed, view.news.length, new Set(view.news).size]).toEqual([seed, byId.size, byId.size]);
    expect([seed, [...view.numbers].sort((a, b) => a[1] - b[1])]).toEqual([seed, log]);
  }
}

/** Whether the log has each member's messages in the order in which they were sent. */
function isInOrder(log: readonly { id: string; sender: string }[]): boolean {
  const last = new Map<string, number>();
  return log.every(({ id, sender }) => {
    const number = Number(id.split('-')[1]);
    const isNext = number > (last.get(sender) ?? 0);
    last.set(sender, number);
    return isNext;
  });
}

const LINK_FAULTS = { refuseConnect: 0.1, cut: 0.02, halfOpen: 0.002, dropFrame: 0.005, drain: 0.01 };

describe('any faults of the links', () => {
  it(`R1, A4, B3: ${SEEDS} seeds of cut, silent and lossy links and drains lose nothing, double nothing, keep the order`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await run(seed, LINK_FAULTS);
      audit(seed, outcome);
      expect([seed, isInOrder(outcome.gateway.log)]).toEqual([seed, true]);
    }
  }, 60_000);

  it(`V7, V11: ${SEEDS} seeds with forks and refusals too`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      audit(seed, await run(seed, { ...LINK_FAULTS, fork: 0.03, refuseSend: 0.05 }));
    }
  }, 60_000);
});
