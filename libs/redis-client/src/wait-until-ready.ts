import { Cluster } from 'ioredis';
import { type RedisClient, refusalOf } from './create-redis.js';

/** Redis is there and refuses the connection until somebody changes a setting (D7). The message is for operators. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
}

/**
 * Resolves when commands can be sent, in a cluster to every master. The client goes on trying also after a failure.
 *
 * @param timeoutMs milliseconds
 * @throws {RedisRefusedError} as soon as Redis refuses the connection lastingly
 * @throws {Error} after that time, with the reason of the last failure, or as soon as the client is closed
 */
export async function waitUntilReady(client: RedisClient, timeoutMs: number): Promise<void> {
  const startedMs = performance.now();
  await untilReady(client, timeoutMs);
  if (!(client instanceof Cluster)) return;
  // A node's connection is made with its first command, and refuses all other commands until it is ready.
  const answers = Promise.allSettled(client.nodes('master').map((node) => node.ping()));
  const outcomes = await within(answers, timeoutMs - (performance.now() - startedMs));
  const failed = outcomes === undefined ? undefined : outcomes.find((outcome) => outcome.status === 'rejected');
  if (outcomes === undefined || failed) throw notReady(timeoutMs, failed ? String(failed.reason) : 'no answer');
}

function untilReady(client: RedisClient, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  const refused = refusalOf(client);
  if (refused !== undefined) return Promise.reject(new RedisRefusedError(refused));
  return new Promise((resolve, reject) => {
    let reason = 'no answer';
    const settle = (error?: Error) => {
      clearTimeout(timer);
      client.off('ready', onReady);
      client.off('error', onError);
      client.off('node error', onError);
      client.off('end', onEnd);
      error === undefined ? resolve() : reject(error);
    };
    const onReady = () => settle();
    const onEnd = () => settle(new Error('the connection to Redis was closed before it was ready'));
    const onError = (error: Error) => {
      reason = error.message;
      const refusal = refusalOf(client);
      if (refusal !== undefined) settle(new RedisRefusedError(refusal));
    };
    const timer = setTimeout(() => settle(notReady(timeoutMs, reason)), timeoutMs);
    client.on('ready', onReady);
    client.on('error', onError);
    client.on('node error', onError);
    client.on('end', onEnd);
  });
}

/** @returns what the promise gives, or undefined when the time is over first */
async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function notReady(timeoutMs: number, reason: string): Error {
  return new Error(`Redis is not ready after ${timeoutMs} ms: ${reason}`);
}
