import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { ann, gateway, setUpOneGateway, world } from '../../../test/support/one-gateway.js';
import { AppendPacer } from './append-pacer.js';

setUpOneGateway();

const batches = (): number[] => gateway.log.of('append').map(({ request }) => request?.messages.length ?? 0);

describe('the pace of a session', () => {
  it.each([
    [1, 0],
    [99, 0],
    [100, 0.6],
    [1_000, 6],
    [5_000, 30],
    [20_000, 50],
  ])('A2: after a delivery to %i listeners its appends rest for %f ms', async (listeners, restMs) => {
    const clock = new ManualClock();
    const pace = new AppendPacer(clock);
    const wentOnAt: number[] = [];
    const goOn = (): unknown => pace.afterRest(() => wentOnAt.push(clock.monotonic()));
    goOn();
    pace.delivered(listeners);
    goOn();
    await clock.advance(60);
    goOn();
    expect(wentOnAt).toEqual([0, restMs, 60]);
  });

  it('A2: what comes while many members are being handed messages is one append; a quiet session does not wait', async () => {
    await Promise.all(Array.from({ length: 500 }, () => gateway.connect('s')));
    const settled = async (id: string): Promise<void> => {
      ann.say(id);
      await world.settle();
    };
    await settled('m1');
    await world.advance(1);
    await settled('m2');
    await world.advance(1);
    await settled('m3');
    expect(batches()).toEqual([1]);
    await world.advance(3);
    expect(batches()).toEqual([1, 2]);
    await world.advance(100);
    await settled('m4');
    expect(batches()).toEqual([1, 2, 1]);
    expect(ann.seqs).toEqual([1, 2, 3, 4]);
  });
});
