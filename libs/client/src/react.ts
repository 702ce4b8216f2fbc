import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { type ChatOptions, type ChatSnapshot, ChatStore } from './chat-store.js';

export type { ChatError, ChatOptions, ChatSession, ChatSnapshot, ChatStatus } from './chat-store.js';
export { ChatStore } from './chat-store.js';
export type { ChatMessage } from './events.js';

/** Everything else a client can be told, beside the five arguments of {@link useWebSocket}. */
export type UseWebSocketOptions = Omit<
  ChatOptions,
  'url' | 'autoReconnect' | 'sessionId' | 'persistMessages' | 'redisPersistence' | 'history'
>;

export interface UseWebSocket extends ChatSnapshot {
  /** Sends now, or as soon as there is a connection. The message shows as pending until it is accepted. */
  readonly send: (content: string) => void;
  readonly reconnect: () => void;
  /** Reads the stored messages over HTTP and shows those that were missing; resolves to how many are stored. */
  readonly refresh: () => Promise<number | undefined>;
  readonly clearError: () => void;
  readonly clearBroadcast: () => void;
}

/**
 * A member of a session for as long as the component is mounted.
 *
 * @param url such as `/ws/chat/`
 * @param sessionId absent: one is made up for as long as the component is mounted
 * @param persistMessages whether earlier messages are shown: from the server with `redisPersistence`, else from this
 *   browser's localStorage
 * @param redisPersistence whether the session is stored on the server. Its history is exact; without it delivery is at
 *   most once while this client is away, and a message sent again after a lost connection can arrive twice elsewhere
 * @param options taken when the component mounts, or when one of the other arguments changes
 */
export function useWebSocket(
  url: string,
  autoReconnect = true,
  sessionId?: string,
  persistMessages = false,
  redisPersistence = false,
  options: UseWebSocketOptions = {},
): UseWebSocket {
  // biome-ignore lint/correctness/useExhaustiveDependencies: options may be a new object at each rendering
  const store = useMemo(
    () => new ChatStore({ ...options, url, autoReconnect, sessionId, persistMessages, redisPersistence }),
    [url, autoReconnect, sessionId, persistMessages, redisPersistence],
  );
  useEffect(() => store.start(), [store]);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  return useMemo(() => {
    const { send, reconnect, refresh, clearError, clearBroadcast } = store;
    return { ...snapshot, send, reconnect, refresh, clearError, clearBroadcast };
  }, [snapshot, store]);
}
