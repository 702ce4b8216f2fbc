import type { Position } from '@holdfast/protocol';
import type { Asked, Target } from './link.js';
import type { Settings } from './options.js';

/** The address of the next connection (C1), with what it asks of the history (R1, R3). */
export function connectTarget(
  settings: Settings,
  client: string,
  wanted: Asked,
  position: Position | undefined,
  token: string | undefined,
): Target {
  const { sessionId, redisPersistence, presence } = settings;
  const asked = redisPersistence ? wanted : 'live';
  const after = typeof asked === 'number' ? position : undefined;
  const query = {
    session: sessionId,
    client,
    redis_persistence: redisPersistence,
    presence,
    token,
    last_seq: asked === 'kept' ? '0' : after && String(after.seq),
    epoch: after?.epoch,
    last_id: after?.id,
  };
  const url = new URL(settings.url);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, String(value));
  return { url: url.href, asked };
}
