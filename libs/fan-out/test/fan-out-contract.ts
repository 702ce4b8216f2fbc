import { eventually } from '@holdfast/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FanOut } from '../src/index.js';
import type { FanOuts } from './fan-outs.js';

let channels = 0;

/** A channel that no other test uses, of a session of its own. */
export function freshChannel(): string {
  channels += 1;
  return `{session:${channels}}:live`;
}

/** Collects the payloads of a channel. */
export class Inbox {
  readonly payloads: Buffer[] = [];
  readonly listener = (payload: Buffer): void => void this.payloads.push(payload);

  get texts(): string[] {
    return this.payloads.map(String);
  }

  /** Waits for that many payloads, and expects that no more have come by then. */
  async has(count: number): Promise<void> {
    await eventually(`${count} payloads`, () => this.payloads.length >= count, { everyMs: 2 });
    expect(this.payloads).toHaveLength(count);
  }
}

/** What every {@link FanOut} does. */
export function fanOutContract(fanOuts: () => FanOuts): void {
  let ours: FanOut;
  let theirs: FanOut;
  let channel: string;
  let inbox: Inbox;

  beforeEach(async () => {
    ours = await fanOuts().create();
    theirs = await fanOuts().create();
    channel = freshChannel();
    inbox = new Inbox();
  });

  /** Resolves when everything published before has arrived, since a channel's order is the publish order. */
  async function settle(fanOut: FanOut): Promise<void> {
    const fence = new Inbox();
    const name = `${channel}:settled:${freshChannel()}`;
    await fanOut.subscribe(name, fence.listener);
    await theirs.publish(name, '');
    await fence.has(1);
    await fanOut.unsubscribe(name);
  }

  describe('subscribe', () => {
    it('F1: receives everything that is published after it has resolved, by others and by itself', async () => {
      const other = new Inbox();
      await Promise.all([ours.subscribe(channel, inbox.listener), theirs.subscribe(channel, other.listener)]);
      await ours.publish(channel, 'one');
      await theirs.publish(channel, 'two');
      await inbox.has(2);
      await other.has(2);
      expect(inbox.texts).toEqual(['one', 'two']);
      expect(other.texts).toEqual(['one', 'two']);
    });

    it('receives nothing of other channels', async () => {
      await ours.subscribe(channel, inbox.listener);
      await theirs.publish(freshChannel(), 'elsewhere');
      await theirs.publish(`${channel}x`, 'elsewhere');
      await theirs.publish(channel, 'here');
      await inbox.has(1);
      expect(inbox.texts).toEqual(['here']);
    });

    it('F2: delivers a channel in publish order', async () => {
      await ours.subscribe(channel, inbox.listener);
      const texts = Array.from({ length: 500 }, (_, n) => `message ${n}`);
      await Promise.all(texts.map((text) => theirs.publish(channel, text)));
      await inbox.has(500);
      expect(inbox.texts).toEqual(texts);
    });

    it('refuses a second listener, until the first is gone', async () => {
      await ours.subscribe(channel, inbox.listener);
      await expect(ours.subscribe(channel, inbox.listener)).rejects.toThrow(`${channel} is subscribed already`);
      await theirs.publish(channel, 'once');
      await settle(ours);
      await inbox.has(1);
      await ours.unsubscribe(channel);
      await ours.subscribe(channel, inbox.listener);
      await theirs.publish(channel, 'again');
      await inbox.has(2);
    });

    it('F1: takes thousands of channels in one go', async () => {
      const inboxes = new Map(Array.from({ length: 2_500 }, () => [freshChannel(), new Inbox()] as const));
      await Promise.all([...inboxes].map(([name, { listener }]) => ours.subscribe(name, listener)));
      await Promise.all([...inboxes.keys()].map((name) => theirs.publish(name, name)));
      await Promise.all([...inboxes.values()].map((each) => each.has(1)));
      for (const [name, each] of inboxes) expect(each.texts).toEqual([name]);
      await Promise.all([...inboxes.keys()].map((name) => ours.unsubscribe(name)));
      expect(await theirs.publish([...inboxes.keys()][77] ?? '', 'nobody')).toBe(0);
    });
  });

  describe('unsubscribe', () => {
    it('receives nothing from the call on', async () => {
      await ours.subscribe(channel, inbox.listener);
      const published = theirs.publish(channel, 'on its way');
      const unsubscribed = ours.unsubscribe(channel);
      await Promise.all([published, unsubscribed]);
      expect(await theirs.publish(channel, 'later')).toBe(0);
      await settle(ours);
      expect(inbox.payloads).toEqual([]);
    });

    it('leaves the subscriptions of others alone', async () => {
      const other = new Inbox();
      await Promise.all([ours.subscribe(channel, inbox.listener), theirs.subscribe(channel, other.listener)]);
      await ours.unsubscribe(channel);
      expect(await ours.publish(channel, 'one')).toBe(1);
      await other.has(1);
    });

    it('is harmless for a channel that is not subscribed', async () => {
      await ours.unsubscribe(channel);
      expect(await theirs.publish(channel, 'x')).toBe(0);
    });

    it('ends a subscription that is not confirmed yet, and leaves nothing behind', async () => {
      const subscribed = ours.subscribe(channel, inbox.listener).catch((error: unknown) => error);
      await ours.unsubscribe(channel);
      await subscribed;
      await settle(ours);
      expect(await theirs.publish(channel, 'nobody')).toBe(0);
      expect(inbox.payloads).toEqual([]);
    });

    it('ends a subscription that is being confirmed, and leaves nothing behind', async () => {
      const subscribed = ours.subscribe(channel, inbox.listener).catch((error: unknown) => error);
      await new Promise((resolve) => setImmediate(resolve));
      await ours.unsubscribe(channel);
      await subscribed;
      await settle(ours);
      expect(await theirs.publish(channel, 'nobody')).toBe(0);
      expect(inbox.payloads).toEqual([]);
    });

    it('the last of several calls in one turn counts', async () => {
      const calls = [ours.subscribe(channel, () => expect.unreachable('the first listener hears nothing'))];
      calls.push(ours.unsubscribe(channel));
      calls.push(ours.subscribe(channel, inbox.listener));
      await Promise.allSettled(calls);
      expect(await theirs.publish(channel, 'one')).toBe(1);
      await inbox.has(1);
    });
  });

  describe('publish', () => {
    it('A7: answers how many subscribers there are', async () => {
      expect(await ours.publish(channel, 'x')).toBe(0);
      await ours.subscribe(channel, inbox.listener);
      expect(await ours.publish(channel, 'x')).toBe(1);
      await theirs.subscribe(channel, inbox.listener);
      expect(await theirs.publish(channel, 'x')).toBe(2);
    });

    it('A3: carries any bytes', async () => {
      const payloads = [
        Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
        Buffer.alloc(0),
        Buffer.from([0xc3, 0x28, 0xff, 0x0a, 0x0d, 0x00]),
        Buffer.alloc(1_000_000, 'ab\r\n'),
        'text: Grüße, 世界 🌍',
      ];
      await ours.subscribe(channel, inbox.listener);
      for (const payload of payloads) await theirs.publish(channel, payload);
      await inbox.has(payloads.length);
      for (const [n, payload] of payloads.entries()) expect(inbox.payloads[n]?.equals(Buffer.from(payload))).toBe(true);
    });

    it('F5: a payload that a listener keeps does not change when others arrive', async () => {
      await ours.subscribe(channel, inbox.listener);
      const sent = Array.from({ length: 300 }, (_, n) => `${n}:`.repeat(1 + (n % 50)));
      for (const text of sent) await theirs.publish(channel, text);
      await inbox.has(300);
      await theirs.publish(channel, Buffer.alloc(300_000, 0xee));
      await inbox.has(301);
      expect(inbox.texts.slice(0, 300)).toEqual(sent);
      const published = Buffer.from('kept');
      await theirs.publish(channel, published);
      published.fill(0);
      await inbox.has(302);
      expect(inbox.texts.at(-1)).toBe('kept');
    });
  });

  describe('close', () => {
    it('ends all subscriptions, once or twice', async () => {
      const second = freshChannel();
      expect(ours.shards.map((shard) => ours.connectedTo(shard))).not.toContain(false);
      await Promise.all([channel, second].map((name) => ours.subscribe(name, inbox.listener)));
      await ours.close();
      await ours.close();
      await eventually('nobody to be subscribed', async () => (await theirs.publish(channel, 'x')) === 0);
      expect(await theirs.publish(second, 'x')).toBe(0);
      expect(inbox.payloads).toEqual([]);
    });
  });
}
