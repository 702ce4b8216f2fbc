import { StorageUnavailableError } from '@holdfast/session-store';
import { beforeEach, describe, expect, it } from 'vitest';
import { statuses, stored } from '../../test/support/outage-frames.js';
import { ann, bob, here, say, setUpTwoGateways, world } from '../../test/support/two-gateways.js';

setUpTwoGateways();
beforeEach(() => say(ann, 'm1'));

describe('a session whose slot is on the move', () => {
  it('A7: a message that the script published to no subscriber is published once more, by itself', async () => {
    const published: string[] = [];
    const { publish } = world.broker;
    // The slot's new owner runs the script, and nobody is subscribed there yet.
    world.broker.publish = () => 0;
    here.fanOut.beforePublish = (channel) => {
      if (!channel.endsWith(':live')) return;
      published.push(channel);
      world.broker.publish = publish;
    };
    ann.say('m2');
    await world.settle();
    expect(published).toEqual(['{session:s}:live']);
    for (const member of [ann, bob]) {
      expect(stored(member)).toEqual([
        [1, 'm1'],
        [2, 'm2'],
      ]);
    }
  });

  it('A7: a message is not published once more when there is no member to receive it', async () => {
    ann.say('m2');
    ann.leave();
    bob.leave();
    const published: string[] = [];
    here.fanOut.beforePublish = (channel) => void published.push(channel);
    await world.settle();
    expect(published.filter((channel) => channel.endsWith(':live'))).toEqual([]);
  });

  it('A7: appends that are refused while the slot moves are tried again every 100 ms; other sessions go on', async () => {
    const moving = new StorageUnavailableError('TRYAGAIN Multiple keys request during rehashing of slot');
    const other = await here.connect('other');
    here.log.fate = ({ method, sessionId }) => (method === 'append' && sessionId === 's' ? moving : 'works');
    const before = here.log.of('append').length;
    ann.say('m2');
    await world.advance(250);
    expect(here.log.of('append').length - before).toBe(3);
    other.say('o1');
    await world.settle();
    expect(stored(other)).toEqual([[1, 'o1']]);
    here.log.fate = () => 'works';
    await world.advance(100);
    expect([stored(bob).at(-1), statuses(ann)]).toEqual([[2, 'm2'], []]);
  });
});
