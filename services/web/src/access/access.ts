import { useSyncExternalStore } from 'react';
import { readText, writeText } from '../browser-storage.js';

/** Who uses this page, where the server asks for tokens (U6). */
export interface Access {
  /** Whether the server asks for tokens. False until it has refused something because of that. */
  readonly isAsked: boolean;
  /** Kept as long as the tab: in sessionStorage, never in an address. */
  readonly token: string | undefined;
  /** Why the last token counts no more, in a sentence. */
  readonly problem: string | undefined;
}

const KEY = 'holdfast-web:token';
let access: Access = { isAsked: false, token: readText('sessionStorage', KEY), problem: undefined };
const listeners = new Set<() => void>();

export function useAccess(): Access {
  return useSyncExternalStore(subscribe, currentAccess, currentAccess);
}

export function currentAccess(): Access {
  return access;
}

/** What the client of a chat sends when it connects. */
export function chatToken(): string {
  return access.token ?? '';
}

export function signIn(token: string): void {
  become({ isAsked: true, token, problem: undefined });
}

/** Forgets the token. Every chat of this tab is closed, because the page shows the form instead. */
export function signOut(): void {
  become({ isAsked: true, token: undefined, problem: undefined });
}

/**
 * The server has refused a request with 401, or closed a connection with 4401.
 *
 * @param token what was sent. Where another one has come since, the refusal is about nothing that counts.
 */
export function refused(token: string | undefined, sentence: string): void {
  if (token !== access.token) return;
  const isFirst = !access.isAsked && token === undefined;
  become({ isAsked: true, token: undefined, problem: isFirst ? undefined : sentence });
}

/** The server asks for tokens, whether or not the one that is here is good. */
export function asked(): void {
  become({ ...access, isAsked: true });
}

function become(next: Access): void {
  access = next;
  writeText('sessionStorage', KEY, next.token);
  for (const listener of [...listeners]) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
