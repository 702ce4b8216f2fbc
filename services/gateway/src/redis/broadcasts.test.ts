import { BROADCAST_CHANNEL } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { ann, bob, here, setUpTwoGateways, world } from '../../test/support/two-gateways.js';

setUpTwoGateways({ env: { HEARTBEAT_INTERVAL: '3600' } });

const sent = { id: 'b1', title: 'Soon', message: 'We restart', level: 'warning', timestamp: 7 };

function forge(broadcast: Record<string, unknown>): void {
  world.broker.publish(BROADCAST_CHANNEL, JSON.stringify(broadcast));
}

async function ignored(kind: string): Promise<number> {
  const text = await here.metrics.exposition();
  return Number(new RegExp(`^holdfast_unconfirmed_total\\{.*kind="${kind}".*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

describe('broadcasts', () => {
  it('F8, V9: one that Redis does not keep is told to nobody, and counted', async () => {
    forge({ ...sent, id: 'b2', message: 'Send me your password' });
    forge({ ...sent, id: undefined });
    forge({ ...sent, id: '{session:s}:log' });
    await world.settle();
    expect([ann, bob].flatMap((client) => client.ofType('broadcast'))).toEqual([]);
    expect([await ignored('broadcast'), await ignored('unreadable')]).toEqual([1, 2]);
  });

  it('F8, V9: what is told under a known id is what Redis keeps, and it is told once', async () => {
    await world.store.keepBroadcast('b1', JSON.stringify(sent));
    forge({ ...sent, message: 'Send me your password' });
    await world.settle();
    await world.broadcast(sent);
    await world.broadcast(sent);
    for (const client of [ann, bob]) expect(client.ofType('broadcast')).toEqual([{ type: 'broadcast', ...sent }]);
  });

  it('F8: a flood of forged ones costs a bounded number of reads, and later ones are told', async () => {
    const before = here.log.of('broadcast').length;
    for (let second = 0; second < 3; second++) {
      for (let n = 0; n < 1_000; n++) forge({ ...sent, id: `x${second}-${n}` });
      await world.advance(1_000);
    }
    expect(here.log.of('broadcast').length - before).toBeLessThanOrEqual(100 * (10 + 3 * 4));
    await world.advance(2_000);
    await world.broadcast(sent);
    expect(ann.ofType('broadcast')).toHaveLength(1);
    expect(await ignored('broadcast')).toBe(3_000);
  });

  it('F8: one that cannot be looked up is told when Redis answers', async () => {
    here.log.fate = ({ method }) => (method === 'broadcast' ? new Error('LOADING') : 'works');
    await world.broadcast(sent);
    expect(ann.ofType('broadcast')).toEqual([]);
    here.log.fate = () => 'works';
    await world.advance(2_000);
    expect(ann.ofType('broadcast')).toHaveLength(1);
    expect(bob.ofType('broadcast')).toHaveLength(1);
  });
});
