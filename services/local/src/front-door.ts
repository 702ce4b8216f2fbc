import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type AllowedHosts, isHostAllowed } from '@holdfast/config';
import { HEAD_MAX_BYTES, HEAD_PROXY_BYTES, type HttpFailure, headProblem, httpFailure } from '@holdfast/protocol';
import { Descriptors, limitConnections, ProcessLoad } from '@holdfast/telemetry';
import { type Backend, GatewayPool } from './gateway-pool.js';
import { HttpProxy, sendFailure } from './http-proxy.js';
import { answerOddRequests, asksForWebSocket, refuse, serveWithoutUpgrade } from './odd-requests.js';
import { asProxyFailure, notFound, unavailable } from './proxy-failure.js';
import { tunnelUpgrade } from './upgrade-proxy.js';

export interface FrontDoorOptions {
  /** For `localhost` and loopback addresses the door listens on 127.0.0.1 and, if the machine has it, on ::1. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Requests that are addressed to another name are refused (N2). */
  readonly allowedHosts: AllowedHosts;
  readonly gateways: readonly Backend[];
  /** Gets every request that is not for chat. */
  readonly api: Backend;
  /** Gets lines for the operator. */
  readonly say: (line: string) => void;
  /** Default: those of this process. */
  readonly descriptors?: Descriptors;
}

/** What Node's server takes. Whatever it refuses by itself, it would refuse without a body. */
const SERVER_OPTIONS = {
  maxHeaderSize: HEAD_MAX_BYTES + HEAD_PROXY_BYTES,
  requireHostHeader: false,
  // Milliseconds that a whole request may take, and how often that is looked at (H6).
  requestTimeout: 30_000,
  headersTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};

const NO_GATEWAY = unavailable('no gateway is ready');
const OVERLOADED = unavailable('the front door has as many connections as it can have');
/** A client's connection, and the one to the service behind it. */
const DESCRIPTORS_EACH = 2;

/** Another program listens on the port. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  constructor(readonly port: number) {
    super(`Port ${port} is taken. Stop what listens there, or choose another one: HOLDFAST_PORT=8080 npm start`);
  }
}

/**
 * One address for the whole system: `/ws/chat/` goes to the ready gateway with the fewest connections, every other path
 * to session-api. It is made for one machine; a deployment uses HAProxy in its place (B1).
 */
export class FrontDoor {
  readonly #servers: Server[] = [];
  readonly #pool: GatewayPool;
  readonly #api: HttpProxy;
  readonly #allowedHosts: AllowedHosts;
  readonly #gateways = new Map<Backend, HttpProxy>();
  /** Connections on which an upgrade was asked for. */
  readonly #upgrading = new Set<Socket>();
  /** The newest answer that each connection waits for or has had. */
  readonly #answers = new WeakMap<Duplex, ServerResponse>();
  readonly #descriptors: Descriptors;
  readonly #load: ProcessLoad;
  #port = 0;

  private constructor(options: FrontDoorOptions, descriptors: Descriptors) {
    const say = (_fields: object, text: string) => options.say(`[front door] ${text}`);
    this.#descriptors = descriptors;
    this.#load = new ProcessLoad({
      logger: { warn: say, info: say },
      metrics: { loopDelayMs: () => 0, overload: () => undefined },
      descriptors,
      eventLoopLagMs: 0,
      memoryBytes: 0,
    });
    this.#load.start();
    this.#pool = new GatewayPool(options.gateways);
    this.#api = new HttpProxy(options.api);
    this.#allowedHosts = options.allowedHosts;
    for (const gateway of options.gateways) this.#gateways.set(gateway, new HttpProxy(gateway));
  }

  /** @throws {PortTakenError} */
  static async open(options: FrontDoorOptions): Promise<FrontDoor> {
    const door = new FrontDoor(options, options.descriptors ?? (await Descriptors.watch()));
    try {
      for (const host of hostsOf(options.host)) await door.#listen(host, door.#port || options.port);
      return door;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  /** Connections of clients that have asked for a WebSocket, until they have closed. */
  get tunnels(): number {
    return this.#upgrading.size;
  }

  /** Asks the gateways whether they are ready, without waiting for the next regular check. */
  async checkGateways(): Promise<void> {
    await this.#pool.check();
  }

  /** Takes no new connections; open ones stay. */
  stopAccepting(): void {
    this.#pool.close();
    this.#load.stop();
    for (const server of this.#servers) {
      server.close();
      server.closeIdleConnections();
    }
  }

  /** Drops every open connection, and takes no new ones. */
  async close(): Promise<void> {
    this.stopAccepting();
    for (const socket of this.#upgrading) socket.destroy();
    for (const proxy of [this.#api, ...this.#gateways.values()]) proxy.close();
    for (const server of this.#servers) server.closeAllConnections();
  }

  async #listen(host: string, port: number): Promise<void> {
    const server = createServer(SERVER_OPTIONS, (request, response) => this.#handle(request, response));
    limitConnections(server, this.#descriptors, DESCRIPTORS_EACH);
    answerOddRequests(server, (socket) => this.#answers.get(socket));
    server.on('upgrade', (request, socket: Socket, head: Buffer) => void this.#upgrade(server, request, socket, head));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' || code === 'EACCES') throw new PortTakenError(port);
      // A machine without IPv6 has no ::1. The door listens on 127.0.0.1 already, which is enough.
      if (this.#servers.length > 0 && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return;
      throw error;
    }
    this.#servers.push(server);
    const address = server.address();
    if (address !== null && typeof address !== 'string') this.#port = address.port;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answers.set(request.socket, response);
    const problem = this.#problemOf(request);
    if (problem) {
      sendFailure(response, asProxyFailure(problem));
      return;
    }
    if (this.#load.shortage(false) !== undefined) {
      sendFailure(response, OVERLOADED);
      return;
    }
    if (!isChatPath(request.url)) {
      this.#api.forward(request, response);
      return;
    }
    // A plain request to the chat path is no WebSocket handshake. The gateway answers what is wrong with it.
    const [gateway] = this.#pool.candidates();
    const proxy = gateway && this.#gateways.get(gateway);
    if (proxy) proxy.forward(request, response);
    else sendFailure(response, NO_GATEWAY);
  }

  #problemOf(request: IncomingMessage): HttpFailure | undefined {
    const problem = headProblem(request);
    if (problem) return problem;
    const asked = { host: request.headers.host, forwardedHost: undefined };
    if (isHostAllowed(asked, { allowedHosts: this.#allowedHosts, trustProxy: false })) return undefined;
    return httpFailure('forbidden', 'the Host header names a host that ALLOWED_HOSTS does not name');
  }

  async #upgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    if (!this.#upgrading.has(socket)) {
      this.#upgrading.add(socket);
      socket.once('close', () => this.#upgrading.delete(socket));
      // The client is gone when its socket breaks, so that there is nobody to answer.
      socket.on('error', () => socket.destroy());
    }
    await this.#answered(socket);
    const problem = this.#problemOf(request);
    if (problem) {
      refuse(socket, asProxyFailure(problem));
      return;
    }
    if (!asksForWebSocket(request)) {
      serveWithoutUpgrade(server, request, socket, head);
      return;
    }
    if (!isChatPath(request.url)) {
      refuse(socket, notFound(request.url ?? '/'));
      return;
    }
    if (this.#load.shortage(false) !== undefined) {
      refuse(socket, OVERLOADED);
      return;
    }
    for (const gateway of this.#pool.candidates()) {
      const outcome = await tunnelUpgrade(gateway, request, socket, head);
      if (outcome === 'opened') {
        socket.once('close', this.#pool.opened(gateway));
        return;
      }
      if (outcome === 'answered' || socket.destroyed) return;
      this.#pool.failed(gateway);
    }
    refuse(socket, NO_GATEWAY);
  }

  /** Resolves when all requests that came before on the connection are answered (H7). */
  async #answered(socket: Socket): Promise<void> {
    const newest = this.#answers.get(socket);
    if (!newest || newest.closed || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      newest.once('close', resolve);
      socket.once('close', resolve);
    });
  }
}

function isChatPath(url = '/'): boolean {
  const path = url.split('?', 1)[0] ?? '/';
  return path === '/ws/chat' || path.startsWith('/ws/chat/');
}

function hostsOf(host: string): string[] {
  return ['127.0.0.1', 'localhost', '::1'].includes(host) ? ['127.0.0.1', '::1'] : [host];
}
