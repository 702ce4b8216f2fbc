export { buildApp } from './app.js';
export type { AppContext, RedisMemory, RedisStatus } from './app-context.js';
export { buildListeners, type Listeners } from './listeners.js';
export { readRedisStatus } from './routes/redis-status.js';
