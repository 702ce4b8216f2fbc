import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './create-metrics.js';

/** Whether this process can serve, with details that explain it: the JSON of `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  readonly [detail: string]: unknown;
}

export interface AdminAccess {
  /** Whether a request with this `Host` is meant for this process. */
  readonly isHostAllowed: (host: string) => boolean;
  /** What whoever changes something has to know; absent: nothing. */
  readonly token?: string | undefined;
}

export interface AdminListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Who is answered (N3). */
  readonly access: AdminAccess;
  readonly metrics: Pick<Metrics, 'exposition' | 'contentType'>;
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** Begins a drain (B3); called for each `POST /drain`. Absent: the path does not exist. */
  readonly onDrain?: () => void;
}

export interface AdminListener {
  readonly port: number;
  /** Stops listening and drops open connections. */
  close(): Promise<void>;
}

/** More connections than probes, scrapers and operators have at once; others are dropped, so that Redis keeps its share (B7). */
const CONNECTIONS_MAX = 32;

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = () => Answer | Promise<Answer>;

/**
 * Serves `/healthz` (alive), `/readyz` (200 or 503), `/metrics` and `POST /drain` to probes, Prometheus and operators.
 * The address must not be public, because nobody is asked for credentials in order to read. Pages get no answer.
 *
 * @throws {Error} when the address cannot be listened on
 */
export async function startAdminListener(options: AdminListenerOptions): Promise<AdminListener> {
  const routes = routesOf(options);
  const server = createServer((request, response) => {
    const refused = refusalOf(request, options.access);
    if (refused) send(response, refused);
    else void handle(routes, request).then((answer) => send(response, answer));
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // `close` waits for open connections, and probes and scrapers keep theirs.
        server.closeAllConnections();
      }),
  };
}

/** Handlers by path, then by method. */
type Routes = ReadonlyMap<string, ReadonlyMap<string, Handler>>;

function routesOf({ metrics, readiness, onDrain }: AdminListenerOptions): Routes {
  const get = (handler: Handler) => new Map([['GET', handler]]);
  const routes = new Map<string, ReadonlyMap<string, Handler>>([
    ['/healthz', get(() => json(200, { alive: true }))],
    [
      '/readyz',
      get(async () => {
        const state = await readiness();
        return json(state.ready ? 200 : 503, state);
      }),
    ],
    ['/metrics', get(async () => ({ status: 200, type: metrics.contentType, body: await metrics.exposition() }))],
  ]);
  if (onDrain !== undefined) {
    const drain = () => {
      onDrain();
      return json(202, { draining: true });
    };
    routes.set('/drain', new Map([['POST', drain]]));
  }
  return routes;
}

/**
 * Why a request is not answered (N3). Browsers send `Origin` with whatever a page may not send everywhere, and the name
 * that a page asked for in `Host`. HTTP/1.0, as in health checks of HAProxy, has no `Host`, and no browser speaks it.
 */
function refusalOf({ method, headers }: IncomingMessage, access: AdminAccess): Answer | undefined {
  if (headers.origin !== undefined) return json(403, { error: 'pages may not use this port' });
  if (headers.host !== undefined && !access.isHostAllowed(headers.host)) {
    return json(403, { error: 'the Host header names a host that ALLOWED_HOSTS does not name' });
  }
  const isReading = method === 'GET' || method === 'HEAD';
  if (isReading || access.token === undefined || isSame(headers.authorization ?? '', `Bearer ${access.token}`)) return;
  return { ...json(401, { error: 'this takes Authorization: Bearer with ADMIN_TOKEN' }), headers: CHALLENGE };
}

const CHALLENGE = { 'www-authenticate': 'Bearer' };

/** Compares texts in a time that tells nothing about where they differ. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

async function handle(routes: Routes, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const methods = routes.get(path);
  if (methods === undefined) return json(404, { error: `there is no ${[...routes.keys()].join(', ')} at this path` });
  const handler = methods.get(request.method === 'HEAD' ? 'GET' : (request.method ?? ''));
  const allow = [...methods.keys()].join(', ');
  if (handler === undefined) return { ...json(405, { error: `allowed here: ${allow}` }), headers: { allow } };
  try {
    return await handler();
  } catch (error) {
    return json(503, { ready: false, error: error instanceof Error ? error.message : String(error) });
  }
}

function json(status: number, value: unknown): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    'content-type': answer.type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...answer.headers,
  });
  response.end(answer.body);
}
