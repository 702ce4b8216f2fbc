import { encodeStored, storedFrame } from '@holdfast/session-store';
import type { SeededRandom } from '@holdfast/testkit';
import { type Fault, pickOne } from './fault.js';
import type { History } from './history.js';

/** Faults between gateways and Redis, by which Redis loses no data. */
export const REDIS_FAULTS: readonly Fault[] = [
  {
    name: 'some publishes are lost to one subscriber',
    weight: 4,
    apply: (world, random) => {
      const link = pickOne(random, world.serving)?.subscriber.connection.link;
      if (!link) return;
      world.losesUntilMs = world.plan.busyMs;
      if (random.chance(0.5)) link.lossCount = random.int(1, 4);
      else link.lossRate = random.pick([0.1, 0.5, 0.9]);
      // A client that asks now may be ahead of its gateway.
      const probe = random.pick(world.probes);
      for (let i = random.int(0, 2); i > 0; i--) world.scheduler.after(random.int(100, 3_000), () => probe.ask());
    },
  },
  {
    name: 'the last publish of all is lost to one subscriber',
    weight: 2,
    apply: (world, random) => {
      const gateway = pickOne(random, world.gateways);
      const leftMs = world.plan.busyMs - world.scheduler.nowMs;
      world.losesUntilMs = world.plan.busyMs;
      // From now on publishes are lost, until nothing is sent any more.
      world.scheduler.after(leftMs - random.int(100, 1_000), () => {
        const link = gateway?.subscriber.connection.link;
        if (link) link.lossRate = 1;
      });
    },
  },
  {
    name: 'a subscriber connection is reset',
    weight: 2,
    apply: (world, random) => pickOne(random, world.serving)?.subscriber.connection.cut(),
  },
  {
    name: 'a subscriber connection hears nothing any more',
    weight: 2,
    apply: (world, random) => {
      const link = pickOne(random, world.serving)?.subscriber.connection.link;
      if (link) link.isDeaf = true;
    },
  },
  {
    name: 'a command connection is cut',
    weight: 4,
    apply: (world, random) => pickOne(random, world.serving)?.commands.cut(),
  },
  {
    name: 'Redis stands still',
    weight: 3,
    apply: (world, random) => {
      const ms = random.int(200, 5_000);
      world.redis.stall(ms);
      world.disturb(ms);
    },
  },
  {
    name: 'packets between a gateway and Redis are held up',
    weight: 3,
    apply: (world, random) => pickOne(random, world.serving)?.path.hold(random.int(200, 3_000)),
  },
  {
    name: 'the commands of a gateway are held up, and some of its members move',
    weight: 4,
    apply: (world, random) => {
      const gateway = pickOne(random, world.serving);
      gateway?.commands.hold(random.int(100, 2_500));
      for (const link of [...(gateway?.links.keys() ?? [])]) {
        if (!random.chance(0.5)) continue;
        world.scheduler.after(random.int(1, 800), () => link.cut(9, random.int(0, 1_500), random.int(0, 50)));
      }
    },
  },
  {
    name: 'somebody publishes what is not in the log',
    weight: 3,
    apply: (world, random) => {
      const history = random.pick([...world.audit.histories.values()]);
      // If the log is lost, nobody who joins later can know what follows it.
      if (history.kept.length > 0)
        world.redis.broker.publish(world.names.liveChannel(history.sessionId), stray(history, random));
    },
  },
];

/** A publish of a server whose history differs: of another epoch, after another message, or with a later number. */
function stray(history: History, random: SeededRandom): Buffer {
  const { epoch, newest } = history;
  const id = history.at(newest)?.id ?? '';
  const before = random.pick([
    { epoch: `${epoch}x`, seq: newest, id },
    { epoch, seq: newest, id: 'stray' },
    { epoch, seq: newest + 1, id: 'ahead' },
  ]);
  const seq = before.seq + 1;
  const frame = storedFrame(seq, 'astray', `"content":"stray","sender":"stray","timestamp":1}`);
  return encodeStored(before, [{ senderKey: 'stray', frame }]);
}
