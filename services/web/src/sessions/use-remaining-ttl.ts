import { useCallback, useEffect, useState } from 'react';
import { ApiFailure, fetchRemainingTtl } from '../session-api.js';

/** How often the API is asked about a session without a connection. Asking does not refresh the time to live. */
const POLL_MS = 30_000;

/** `gone`: the session is not in Redis. It has expired, was deleted, or nobody has connected to it yet. */
export type Expiry = { kind: 'unknown' } | { kind: 'gone' } | { kind: 'expires'; at: number };

/**
 * Tells when a session expires.
 *
 * @param isLive whether the session has a connection, which knows when it expires; without one the API is asked
 * @param liveExpiresAt when it expires as the connection says, Unix milliseconds; absent until the connection is open
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
