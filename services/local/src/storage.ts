import { connect } from 'node:net';
import { maskUrl } from '@holdfast/config';
import { findRedisServer } from './own-redis.js';
import type { Settings } from './settings.js';

/** Where sessions are kept: a Redis that somebody else runs, one that this system starts, or one process's memory. */
export type Storage =
  | { readonly kind: 'given'; readonly url: string }
  | { readonly kind: 'own'; readonly program: string }
  | { readonly kind: 'embedded'; readonly because: string };

/** Chooses by the settings and by the programs in `PATH`. */
export function chooseStorage(settings: Settings): Storage {
  if (settings.embedded) return { kind: 'embedded', because: 'as --embedded asks for' };
  if (settings.redisUrl !== undefined) return { kind: 'given', url: settings.redisUrl };
  const program = findRedisServer(settings.env['PATH'] ?? '');
  if (program !== undefined) return { kind: 'own', program };
  return { kind: 'embedded', because: 'for there is no redis-server or valkey-server in PATH' };
}

/** What running without Redis means, for the operator. */
export const EMBEDDED_MEANS =
  'Sessions live in the memory of one process: they are gone when it ends, redis-cli shows nothing, nothing is audited, and there is only this machine.';

/** Describes the given Redis to the operator: its address without credentials, and whether it accepts connections. */
export async function describeGiven(url: string): Promise<string> {
  const urls = url.split(',').map((one) => one.trim());
  const reachable = await Promise.all(urls.map((one) => accepts(new URL(one))));
  const shown = urls.map(maskUrl).join(', ');
  if (reachable.some(Boolean)) return `${shown}  (given by CHANNEL_REDIS_URL)`;
  return `${shown}  (given by CHANNEL_REDIS_URL; NOBODY ANSWERS THERE NOW, chat goes on in memory until it does)`;
}

function accepts(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port || 6379) });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('connect', () => settle(true));
  });
}
