import type { AddressInfo } from 'node:net';
import type { MessageFrame, SendFrame, ServerFrame } from '@holdfast/protocol';
import { registerCleanup } from '@holdfast/testkit';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { HistoryReader, StoredMessage } from '../src/delivery/history-reader.js';

/** A way in which a gateway can break its promises. */
export type Lie =
  | 'forgets'
  | 'stores twice'
  | 'alters'
  | 'makes up'
  | 'swallows'
  | 'refuses what it stores'
  | 'skips a frame'
  | 'repeats a frame'
  | 'skips on resume'
  | 'repeats on resume'
  | 'calls it lost';

interface Session {
  readonly log: (MessageFrame & { seq: number })[];
  readonly members: Set<WebSocket>;
  /** Numbers of stored messages, by client and id. */
  readonly numbers: Map<string, number>;
  /** Ids of messages that the gateway ignores, or keeps out of the history. */
  readonly denied: Set<string>;
}

/** The gateway lies at every 7th chance only, because constant lies are easy to find; there are fewer resumes. */
const LIES_EVERY = 7;
const LIES_EVERY_RESUME = 2;

/** A minimal gateway in memory that keeps its promises, except for the {@link Lie} that it is told. */
export class ModelGateway implements HistoryReader {
  lie: Lie | undefined;
  readonly #sessions = new Map<string, Session>();
  readonly #server: WebSocketServer;
  #chances = 0;

  constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket, request) => this.#connected(socket, new URL(request.url ?? '', 'ws://model')));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws/chat/`;
  }

  async read(sessionId: string, afterSeq: number): Promise<StoredMessage[]> {
    const { log, denied } = this.#session(sessionId);
    return log.filter(({ seq, id }) => seq > afterSeq && !denied.has(id));
  }

  async remove(sessionId: string): Promise<void> {
    this.#sessions.delete(sessionId);
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #session(sessionId: string): Session {
    const made = { log: [], members: new Set<WebSocket>(), numbers: new Map(), denied: new Set<string>() };
    const session = this.#sessions.get(sessionId) ?? made;
    this.#sessions.set(sessionId, session);
    return session;
  }

  /** Whether to tell a lie now. */
  #lies(lie: Lie, every = LIES_EVERY): boolean {
    if (this.lie !== lie) return false;
    this.#chances += 1;
    return this.#chances % every === 0;
  }

  #connected(socket: WebSocket, { searchParams: query }: URL): void {
    const sessionId = query.get('session') ?? '';
    const session = this.#session(sessionId);
    const lastSeq = query.get('last_seq');
    const seq = session.log.length;
    const isResumed = lastSeq !== null && query.get('epoch') !== null;
    const recovered = isResumed && !this.#lies('calls it lost', LIES_EVERY_RESUME);
    tell(socket, {
      type: 'welcome',
      protocol: 'holdfast.v1',
      sessionId,
      connectionId: 'c',
      persistence: 'redis',
      storage: 'redis',
      epoch: 'one',
      seq,
      firstSeq: Math.min(1, seq),
      recovered,
      ttl: 60,
      remainingTtl: 60,
      color: 'blue',
      heartbeatMs: 30_000,
      maxMessageBytes: 16_384,
      serverTime: 0,
    });
    let from = lastSeq === null ? seq : recovered ? Number(lastSeq) : 0;
    if (isResumed && from + 1 < seq && this.#lies('skips on resume', LIES_EVERY_RESUME)) from += 1;
    if (isResumed && from > 0 && this.#lies('repeats on resume', LIES_EVERY_RESUME)) from -= 1;
    for (const frame of session.log.slice(Math.max(0, from))) tell(socket, frame);
    session.members.add(socket);
    socket.on('close', () => session.members.delete(socket));
    const client = query.get('client') ?? '';
    socket.on('message', (data: RawData) => {
      const frame = JSON.parse(data.toString()) as SendFrame | { type: 'ping' };
      if (frame.type === 'ping') tell(socket, { type: 'pong' });
      else this.#sent(socket, session, client, frame);
    });
  }

  #sent(socket: WebSocket, session: Session, client: string, { id, content }: SendFrame): void {
    const known = session.numbers.get(`${client} ${id}`);
    if (known !== undefined) return tell(socket, { type: 'ack', id, seq: known });
    if (session.denied.has(id)) return;
    if (this.#lies('swallows')) {
      session.denied.add(id);
      return;
    }
    if (this.#lies('forgets')) session.denied.add(id);
    if (this.#lies('refuses what it stores')) {
      tell(socket, { type: 'error', code: 'not_stored', message: 'not stored', id });
      this.#store(session, client, id, content);
      return;
    }
    this.#store(session, client, id, this.#lies('alters') ? `${content}!` : content);
    if (this.#lies('stores twice')) this.#store(session, client, id, content);
    if (this.#lies('makes up')) this.#store(session, client, `made-up-${this.#chances}`, content);
  }

  #store(session: Session, client: string, id: string, content: string): void {
    const seq = session.log.length + 1;
    const frame = { type: 'message', seq, id, content, sender: client.slice(0, 8), timestamp: 0 } as const;
    session.log.push(frame);
    session.numbers.set(`${client} ${id}`, seq);
    for (const member of session.members) {
      if (this.#lies('skips a frame')) continue;
      tell(member, frame);
      if (this.#lies('repeats a frame')) tell(member, frame);
    }
  }
}

export async function startModelGateway(): Promise<ModelGateway> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  const gateway = new ModelGateway(server);
  registerCleanup('model gateway', () => gateway.close());
  return gateway;
}

function tell(socket: WebSocket, frame: ServerFrame): void {
  socket.send(JSON.stringify(frame));
}
