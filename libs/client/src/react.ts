import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { ChatSnapshot } from './chat-snapshot.js';
import { type ChatOptions, ChatStore } from './chat-store.js';
import type { FailedMessage } from './failed-messages.js';

export type { ChatError, ChatSession, ChatSnapshot, ChatStatus, HistoryStart } from './chat-snapshot.js';
export type { ChatOptions } from './chat-store.js';
export { ChatStore } from './chat-store.js';
export type { ChatMessage } from './events.js';
export type { FailedMessage } from './failed-messages.js';
export { keyOf, type MessageGap } from './message-list.js';
export { storageProblemOf } from './storage-problem.js';

/** The options of a {@link ChatStore} that are not arguments of {@link useWebSocket}. */
export type UseWebSocketOptions = Omit<
  ChatOptions,
  'url' | 'autoReconnect' | 'sessionId' | 'persistMessages' | 'redisPersistence' | 'history'
>;

export interface UseWebSocket extends ChatSnapshot {
  /** Sends now, or as soon as there is a connection. The message is shown as pending until it is accepted. */
  readonly send: (content: string) => void;
  /** Sends one of `failed` again, as a new message. */
  readonly resend: (id: string) => void;
  /** Removes one of `failed`. @returns it, unless another tab has sent or discarded it before */
  readonly discard: (id: string) => FailedMessage | undefined;
  readonly reconnect: () => void;
  /** Reads the stored messages over HTTP and shows those that were missing. Resolves to the number of messages read. */
  readonly refresh: () => Promise<number | undefined>;
  readonly clearError: () => void;
  readonly clearBroadcast: () => void;
}

/**
 * Makes the component a member of a session while it is mounted.
 *
 * @param url such as `/ws/chat/`
 * @param autoReconnect whether to connect again after a close that allows it
 * @param sessionId absent: a random one, which lasts as long as the component is mounted
 * @param persistMessages whether to show earlier messages: those of the server with `redisPersistence`, else those in
 *   this browser's localStorage
 * @param redisPersistence whether the session is stored on the server, with an exact history. Without it a member misses
 *   what others say while it is away, and a message sent again after a lost connection may reach others twice.
 * @param options read when the component mounts, and when one of the other arguments changes
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
    const { send, resend, discard, reconnect, refresh, clearError, clearBroadcast } = store;
    return { ...snapshot, send, resend, discard, reconnect, refresh, clearError, clearBroadcast };
  }, [snapshot, store]);
}
