import { isClientSecret, isSessionId } from '@holdfast/protocol';
import { randomId, SECRET_BYTES } from './random-id.js';

/** Time, as the client needs it. A simulation passes its own. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Milliseconds that only ever grow; intervals are measured with it. */
  monotonic(): number;
  setTimeout(run: () => void, ms: number): unknown;
  /** Forgets a timer; one that has fired is no error. */
  clearTimeout(timer: unknown): void;
}

/** What the client calls of a WebSocket; it also sets `onmessage`, `onclose` and `onerror`. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** The browser's WebSocket, that of Node 22, or the one of the package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What the client needs of `localStorage` or `sessionStorage`. Written out, so that Node projects need no DOM types. */
export interface ClientStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface HoldfastClientOptions {
  /** `ws://…/ws/chat/`, `http://…`, or in a browser a path such as `/ws/chat/`. Its own query is kept. */
  url: string;
  /** 1–128 of `A-Z a-z 0-9 . _ ~ -` (C2). Absent: the client makes one up, see `client.sessionId`. */
  sessionId?: string | undefined;
  /** Whether what this client sends is stored, counted and resumed. Default `false` (C1). */
  redisPersistence?: boolean | undefined;
  /** Whether the first connection asks for the kept history too (R3). Default `false`. */
  history?: boolean | undefined;
  /** Whether to hear who comes and goes, and signals (V10). Default `false`. */
  presence?: boolean | undefined;
  /** A token, or a function that is asked for a fresh one before every connection. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** The client secret of C1: tells this client's retries from other people's. Default: from `storage`, else random. */
  client?: string | undefined;
  /** Whether to connect again by itself after a close that allows it. Default `true`. */
  autoReconnect?: boolean | undefined;
  /** Where the outbox and the client secret outlive a reload. Default: nowhere. */
  storage?: ClientStorage | undefined;
  /** Begins every key in `storage`. Default `holdfast`. */
  storagePrefix?: string | undefined;
  /**
   * Whether `storage` keeps the position too, so that a reloaded page goes on where it was and is given no message
   * twice. For pages that keep the messages themselves; use a `storagePrefix` per tab then. Default `false`.
   */
  keepPosition?: boolean | undefined;
  /** Reconnects wait a random time below `backoffBaseMs · 2^attempt`, at most `backoffMaxMs`. Defaults 1000, 30000. */
  backoffBaseMs?: number | undefined;
  backoffMaxMs?: number | undefined;
  /** Time for a connection to open and be welcomed, milliseconds. Default 10000. */
  connectTimeoutMs?: number | undefined;
  /** Messages the outbox holds before `send` refuses. Default 1000. */
  outboxMax?: number | undefined;
  /** Message ids remembered to show nothing twice; at least the server's `MESSAGE_HISTORY_MAX`. Default 4096. */
  rememberedIds?: number | undefined;
  /** Default: the global one (browsers, Node 22 and later). */
  webSocket?: WebSocketConstructor | undefined;
  clock?: Clock | undefined;
  /** From 0 (included) to 1 (excluded), for jitter only. Default `Math.random`. */
  random?: (() => number) | undefined;
  /** Makes message ids and, longer, secrets of the characters of C2. Default: from `crypto`. */
  newId?: ((bytes: number) => string) | undefined;
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };
/** Absent is their default. */
type Optional = 'redisPersistence' | 'history' | 'presence' | 'client' | 'storage' | 'keepPosition' | 'token';

/** The options with their defaults. */
export type Settings = Required<Omit<Defined<HoldfastClientOptions>, Optional | 'url'>> &
  Pick<HoldfastClientOptions, Optional> & { readonly url: URL };

/** @throws TypeError naming the option that is missing or of the wrong form */
export function settle({ url, ...options }: HoldfastClientOptions): Settings {
  const settings = {
    autoReconnect: true,
    storagePrefix: 'holdfast',
    backoffBaseMs: 1_000,
    backoffMaxMs: 30_000,
    connectTimeoutMs: 10_000,
    outboxMax: 1_000,
    rememberedIds: 4_096,
    webSocket: globalThis.WebSocket as WebSocketConstructor,
    clock: systemClock,
    random: Math.random,
    newId: randomId,
    ...given(options),
    sessionId: options.sessionId ?? (options.newId ?? randomId)(SECRET_BYTES),
    url: socketUrl(url),
  };
  const { webSocket, sessionId, client } = settings;
  if (!webSocket) throw new TypeError('webSocket is missing: pass that of the package ws');
  if (!isSessionId(sessionId)) throw new TypeError('sessionId must be 1 to 128 of A-Z a-z 0-9 . _ ~ -');
  if (client !== undefined && !isClientSecret(client)) {
    throw new TypeError('client must be 16 to 64 of A-Z a-z 0-9 . _ ~ -');
  }
  return settings;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as number | undefined),
};

/** The options that have a value: one given as `undefined` takes its default too. */
function given<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function socketUrl(text: string): URL {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  if (!URL.canParse(text, page)) throw new TypeError('url must be a WebSocket URL, or in a page a path');
  const url = new URL(text, page);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}
