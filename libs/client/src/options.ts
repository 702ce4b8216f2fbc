import { isClientSecret, isSessionId, SESSION_ID_RULE } from '@holdfast/protocol';
import { type Clock, systemClock } from './clock.js';

/** The methods of a WebSocket that the client calls. It also sets `onmessage`, `onclose` and `onerror`. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** The browser's WebSocket, that of Node 22, or the one of the package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/**
 * What the client needs of `localStorage` or `sessionStorage`. It is written out here, so that a Node project needs no
 * DOM types to use the client.
 */
export interface ClientStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** An access token, or a function that gives a fresh one each time. */
export type TokenSource = string | (() => string | Promise<string>);

export interface HoldfastClientOptions {
  /** `ws://…/ws/chat/`, `http://…`, or in a browser a path such as `/ws/chat/`. A query in it is kept. */
  url: string;
  /** 1–128 of `A-Z a-z 0-9 . _ ~ -` (C2). Absent: the client makes one up, see `client.sessionId`. */
  sessionId?: string | undefined;
  /** Whether the messages that this client sends are stored, counted and resumed. Default `false` (C1). */
  redisPersistence?: boolean | undefined;
  /** Whether the first connection asks for the kept history (R3). Default `false`. */
  history?: boolean | undefined;
  /** Whether to hear who comes and goes, and signals (V10). Default `false`. */
  presence?: boolean | undefined;
  /**
   * An access token (U6), or a function that gives a fresh one. The function is asked before every connection, before
   * the token expires (V22), and once more after a close with 4401.
   */
  token?: TokenSource | undefined;
  /**
   * The client secret of C1, which tells this client's retries from other people's messages. Default: the one in
   * `storage`, else a random one.
   */
  client?: string | undefined;
  /** Whether to connect again after a close that allows it. Default `true`. */
  autoReconnect?: boolean | undefined;
  /** Where the outbox and the client secret outlive a reload. Default: nowhere. */
  storage?: ClientStorage | undefined;
  /** The beginning of every key in `storage`. Default `holdfast`. */
  storagePrefix?: string | undefined;
  /**
   * Whether `storage` keeps the position too, so that a reloaded page goes on where it was and receives no message
   * twice. For applications that keep the messages themselves; they need a `storagePrefix` per tab. Default `false`.
   */
  keepPosition?: boolean | undefined;
  /** Milliseconds. A reconnect waits a random time below `backoffBaseMs · 2^attempt`. Default 1000. */
  backoffBaseMs?: number | undefined;
  /** The longest such wait, milliseconds. Default 30000. */
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
  /** Makes message ids and client secrets from so many random bytes, of the characters of C2. Default: from `crypto`. */
  newId?: ((bytes: number) => string) | undefined;
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };
/** Options that stay absent when they are not given. */
type Optional = 'redisPersistence' | 'history' | 'presence' | 'client' | 'storage' | 'keepPosition' | 'token';

/** The options with their defaults. */
export type Settings = Required<Omit<Defined<HoldfastClientOptions>, Optional | 'url'>> &
  Pick<HoldfastClientOptions, Optional> & { readonly url: URL };

/** 96 bits: unique among the messages of one client, and short in every frame and log entry. */
export const SEND_ID_BYTES = 12;
/** 128 bits, as for every secret. */
export const SECRET_BYTES = 16;

/** @throws TypeError naming the option that is missing or of the wrong form */
export function resolveOptions({ url, ...options }: HoldfastClientOptions): Settings {
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
    ...withoutUndefined(options),
    sessionId: options.sessionId ?? (options.newId ?? randomId)(SECRET_BYTES),
    url: socketUrl(url),
  };
  const { webSocket, sessionId, client } = settings;
  if (!webSocket) throw new TypeError('webSocket is missing: pass that of package ws');
  if (!isSessionId(sessionId)) throw new TypeError(`sessionId must be ${SESSION_ID_RULE}`);
  if (client !== undefined && !isClientSecret(client)) {
    throw new TypeError('client must be 16 to 64 of A-Z a-z 0-9 . _ ~ -');
  }
  return settings;
}

/**
 * Random bytes as base64url, which has characters of C2 only. `crypto.randomUUID` is not used because browsers offer it
 * in secure contexts only.
 */
export function randomId(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...random))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** An option given as `undefined` takes its default, as if it were absent. */
function withoutUndefined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function socketUrl(text: string): URL {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  try {
    const url = new URL(text, page);
    url.protocol = url.protocol.replace('http', 'ws');
    return url;
  } catch {
    throw new TypeError('url must be a WebSocket URL, or in a page a path');
  }
}
