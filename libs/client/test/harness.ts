import {
  type ClientEvents,
  type ClientStorage,
  HoldfastClient,
  type HoldfastClientOptions,
  type WebSocketConstructor,
} from '@holdfast/client';
import type { ClientFrame, MessageFrame, SendFrame, ServerFrame, WelcomeFrame } from '@holdfast/protocol';
import { FakeClock } from '@holdfast/testkit';

/** A socket whose other end is the test. Nothing happens on it by itself. */
export class FakeSocket {
  readonly query: URLSearchParams;
  readonly frames: ClientFrame[] = [];
  isClosed = false;
  onmessage: (event: { data: unknown }) => void = noHandler;
  onclose: (event: { code: number; reason: string }) => void = noHandler;
  onerror: () => void = noHandler;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    this.query = new URL(url).searchParams;
  }

  send(data: string): void {
    this.frames.push(JSON.parse(data) as ClientFrame);
  }

  close(): void {
    this.isClosed = true;
  }

  /** Delivers a frame of the server. */
  receive(frame: ServerFrame | Record<string, unknown>): void {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  welcome(fields: Partial<WelcomeFrame> = {}): void {
    this.receive({ ...WELCOME, ...fields });
  }

  /** A message with the content that was sent under this id here, or with one of its own. */
  message(seq: number | undefined, id: string, fields: Partial<MessageFrame> = {}): void {
    const content = this.sends.find((frame) => frame.id === id)?.content ?? `content of ${id}`;
    const frame = { type: 'message', id, content, sender: 'somebody', timestamp: 5, ...fields };
    this.receive(seq === undefined ? frame : { ...frame, seq });
  }

  /** Ends the socket, as the runtime would report it. */
  end(code = 1006, reason = ''): void {
    this.isClosed = true;
    this.onclose({ code, reason });
  }

  get sends(): SendFrame[] {
    return this.frames.filter((frame) => frame.type === 'send');
  }
}

function noHandler(): void {
  throw new Error('the client has set no handler');
}

export const WELCOME: WelcomeFrame = {
  type: 'welcome',
  protocol: 'holdfast.v1',
  sessionId: 'room',
  connectionId: 'c1',
  persistence: 'redis',
  storage: 'redis',
  epoch: 'E1',
  seq: 0,
  firstSeq: 0,
  recovered: false,
  ttl: 3600,
  remainingTtl: 3600,
  color: 'blue',
  heartbeatMs: 30_000,
  maxMessageBytes: 16_384,
  serverTime: 0,
};

/** A `localStorage` in memory. */
export class FakeStorage implements ClientStorage {
  readonly items = new Map<string, string>();
  get length(): number {
    return this.items.size;
  }
  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
}

type Logged = { [Name in keyof ClientEvents]: [Name, ClientEvents[Name]] }[keyof ClientEvents];

const LOGGED: readonly (keyof ClientEvents)[] = [
  'state',
  'welcome',
  'message',
  'update',
  'accepted',
  'rejected',
  'gap',
  'reset',
  'session',
  'storage',
  'broadcast',
  'presence',
  'signal',
  'drain',
  'refused',
  'storageError',
  'tokenError',
];

/** Fake sockets and a fake clock, with the options that make a client use them. Random numbers are 0.5. */
export function fakeNetwork() {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  return {
    clock,
    sockets,
    /** The socket that was opened last. */
    socket: (): FakeSocket => {
      const last = sockets.at(-1);
      if (!last) throw new Error('no socket was opened');
      return last;
    },
    options: {
      webSocket: Socket as WebSocketConstructor,
      clock: { ...clock, clearTimeout: (timer) => clock.clearTimeout(timer as never) },
      random: () => 0.5,
    } satisfies Partial<HoldfastClientOptions>,
  };
}

export type HarnessOptions = Partial<HoldfastClientOptions>;

/** A client on a {@link fakeNetwork}. Ids count up. */
export function harness(options: HarnessOptions = {}) {
  const { clock, sockets, socket, options: fakes } = fakeNetwork();
  let ids = 0;
  const client = new HoldfastClient({
    url: 'ws://localhost:8000/ws/chat/',
    sessionId: 'room',
    redisPersistence: true,
    ...fakes,
    newId: (bytes) => `${bytes === 12 ? 'id' : 'secret-of-sixteen-'}${++ids}`,
    ...options,
  });
  const log: Logged[] = [];
  for (const name of LOGGED) client.on(name, (value) => log.push([name, value] as Logged));
  return {
    client,
    clock,
    sockets,
    socket,
    log,
    /** The values that listeners of one event received. */
    seen: <Name extends keyof ClientEvents>(name: Name) =>
      log.filter(([logged]) => logged === name).map(([, value]) => value as ClientEvents[Name]),
    /** Connects, and delivers the welcome. */
    open: (fields: Partial<WelcomeFrame> = {}): FakeSocket => {
      client.connect();
      socket().welcome(fields);
      return socket();
    },
    /** Breaks the socket, lets time pass, and welcomes the client on the next one. */
    reconnect: (fields: Partial<WelcomeFrame> = {}): FakeSocket => {
      socket().end();
      clock.advance(30_000);
      socket().welcome(fields);
      return socket();
    },
  };
}
