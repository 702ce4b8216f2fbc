export { MemoryBroker, MemoryFanOut } from './memory-fan-out.js';
export type { FanOut, Listener } from './port.js';
export { RedisFanOut, type RedisFanOutOptions, RedisPublisher } from './redis-fan-out.js';
