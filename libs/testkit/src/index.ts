export { Child, type ChildExit, type ChildOptions, startChild } from './child.js';
export { registerCleanup, runningParts, stopAll } from './cleanup.js';
export { DEFAULT_DEADLINE_MS, DeadlineError, eventually, withDeadline } from './deadline.js';
export { FakeClock, FakeTimer, settlePromises } from './fake-clock.js';
export { FaultProxy, startFaultProxy } from './fault-proxy.js';
export { type Frame, type FrameMatch, FrameQueue } from './frame-queue.js';
export { acceptsConnections, freePort, freePorts, isPortFree } from './free-port.js';
export { type Haproxy, type HaproxyOptions, startHaproxy } from './haproxy.js';
export { IdleConnections } from './idle-connections.js';
export { childProcesses, type LeakCheck, startLeakCheck } from './leak-check.js';
export { LineLog, type LineMatch } from './line-log.js';
export { MemoryStorage } from './memory-storage.js';
export { type Prometheus, type PrometheusOptions, type PrometheusSample, startPrometheus } from './prometheus.js';
export { redisCli, redisInfo } from './redis-cli.js';
export { type ClusterOptions, type RedisCluster, startCluster } from './redis-cluster.js';
export { SENTINEL_MASTER, type SentinelOptions, type SentinelSet, startSentinel } from './redis-sentinel.js';
export { type RedisOptions, RedisServer, startRedis } from './redis-server.js';
export { announcedRandom, drawSeed, LONG_VARIABLE, runs, SEED_VARIABLE, SeededRandom } from './seeded-random.js';
export { type ProcessOptions, REPOSITORY, ServiceProcess, startProcess } from './service-process.js';
export {
  type Closed,
  type ConnectOptions,
  connectFramed,
  connectPlain,
  UpgradeRefused,
  WsClient,
} from './ws-client.js';
