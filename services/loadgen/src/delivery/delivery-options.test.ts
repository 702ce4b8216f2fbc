import { expect, it } from 'vitest';
import { type DeliveryOptions, settleDelivery } from './delivery-options.js';

const options: DeliveryOptions = { gateways: ['ws://localhost:8100/ws/chat/'], history: 'http://localhost:8000/api' };

it('has a default for everything but the addresses', () => {
  const settings = settleDelivery(options);
  expect(settings).toMatchObject({ sessions: 12, members: 4, rate: 100, seconds: 20, disconnectEvery: 5 });
  expect(settings.history).toHaveProperty('read');
  expect(settings.seed).toBeGreaterThanOrEqual(0);
});

it.each<[Partial<DeliveryOptions>, string]>([
  [{ sessions: 0 }, 'sessions must be a whole number from 1 to 100000, not 0'],
  [{ members: 1.5 }, 'members must be a whole number from 1 to 10000, not 1.5'],
  [{ rate: -1 }, 'rate must be a number from 0 to 100000, not -1'],
  [{ rate: Number.NaN }, 'rate must be a number from 0 to 100000, not NaN'],
  [{ seed: 2 ** 32 }, 'seed must be a whole number from 0 to 4294967295, not 4294967296'],
  [{ gateways: [] }, 'gateways must name at least one address'],
  [
    { gateways: ['http://localhost'] },
    'gateways must be addresses that begin with ws:// or wss://, not http://localhost',
  ],
  [{ sessionPrefix: 'a b' }, 'sessionPrefix must be 1 to 64 of A-Z a-z 0-9 . _ ~ -'],
])('names the option that is wrong: %j', (wrong, message) => {
  expect(() => settleDelivery({ ...options, ...wrong })).toThrow(new TypeError(message));
});
