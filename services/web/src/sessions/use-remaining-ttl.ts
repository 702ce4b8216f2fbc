import { useCallback, useEffect, useState } from 'react';
import { ApiFailure, fetchRemainingTtl } from '../session-api.js';

/** How often a session that is not connected is asked for. Asking does not refresh its time to live. */
const POLL_MS = 30_000;

/** `gone`: not in Redis, because it has expired, was deleted, or has not been connected to yet. */
export type Expiry = { kind: 'unknown' } | { kind: 'gone' } | { kind: 'expires'; at: number };

/**
 * When a session expires.
 *
 * @param isLive whether the session has a connection, which knows; without one the API is asked
 * @param liveExpiresAt what that knows, Unix milliseconds; absent until it is open
 */
export function useRemainingTtl(sessionId: string, isLive: boolean, liveExpiresAt: number | undefined) {
  const [fetched, setFetched] = useState<Expiry>({ kind: 'unknown' });

  const setRemaining = useCallback((seconds: number) => {
    setFetched({ kind: 'expires', at: Date.now() + seconds * 1_000 });
  }, []);

  useEffect(() => {
    if (isLive) return;
    let isCurrent = true;
    const ask = async () => {
      try {
        const seconds = await fetchRemainingTtl(sessionId);
        if (isCurrent) setRemaining(seconds);
      } catch (error) {
        const isGone = error instanceof ApiFailure && error.code === 'session_not_found';
        if (isCurrent) setFetched({ kind: isGone ? 'gone' : 'unknown' });
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), POLL_MS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [isLive, sessionId, setRemaining]);

  const expiry: Expiry = liveExpiresAt === undefined ? fetched : { kind: 'expires', at: liveExpiresAt };
  return { expiry, setRemaining };
}
