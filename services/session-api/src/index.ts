export { buildApp } from './app.js';
export type { AppContext } from './app-context.js';
export { type RedisMemory, type RedisStatus, readRedisStatus } from './redis-status.js';
