import type { Target } from './target.js';
import { clientFrames, plainFrames } from './targets/client-frames.js';
import { connectQueries, requestHeads } from './targets/connecting.js';
import { environments } from './targets/environment.js';
import { livePayloads, logEntries, sessionJson } from './targets/from-redis.js';
import { jsonData } from './targets/json-data.js';
import { serverFrames } from './targets/server-frames.js';
import { claims, tokens } from './targets/tokens.js';

/** Everything that is fuzzed. HTTP rows and Lua scripts need a server: they have tests of their own. */
export const TARGETS: readonly Target[] = [
  clientFrames,
  plainFrames,
  connectQueries,
  requestHeads,
  jsonData,
  tokens,
  claims,
  environments,
  livePayloads,
  logEntries,
  sessionJson,
  serverFrames,
];
