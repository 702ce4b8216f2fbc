import type { SessionLog } from './port.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Several stores as one: a session is always asked for through the same one, so that its calls keep their order, and
 * what belongs to no session through the first.
 *
 * @param stores of the same Redis, each on a connection of its own
 * @throws {RangeError} when there is none
 */
export function pooled<Store extends SessionLog>(stores: readonly Store[]): Store {
  const [first] = stores;
  if (!first) throw new RangeError('a pool needs a store');
  if (stores.length === 1) return first;
  const storeOf = (sessionId: unknown): Store =>
    (typeof sessionId === 'string' && stores[hash(sessionId) % stores.length]) || first;
  return new Proxy(first, {
    get(_target, name) {
      return (...args: unknown[]): unknown => {
        const store = storeOf(args[0]);
        return (store[name as keyof Store] as Method).apply(store, args);
      };
    },
  });
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
