export { MemoryBroker, MemoryFanOut } from './memory-fan-out.js';
export { BROADCAST_CHANNEL, type FanOut, type Listener } from './port.js';
export { RedisFanOut, type RedisFanOutOptions, RedisPublisher } from './redis-fan-out.js';
