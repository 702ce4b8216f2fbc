import type { FanOut } from '@holdfast/fan-out';
import type { RedisShards } from '../redis/redis-shards.js';
import type { RoomContext } from '../room/room.js';

/** What the rooms of a gateway share; a room gets the health of its own shard besides. */
export interface GatewayContext extends Omit<RoomContext, 'shard' | 'fanOut'> {
  readonly fanOut: FanOut;
  readonly shards: RedisShards;
  /** Whether sessions live on more shards than one. */
  readonly sharded: boolean;
}
