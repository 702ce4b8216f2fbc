import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './create-metrics.js';

/** Whether this process can serve, with details that explain it: the JSON of `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  readonly [detail: string]: unknown;
}

export interface AdminListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
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

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

type Handler = () => Answer | Promise<Answer>;

/**
 * Serves `/healthz` (alive), `/readyz` (200 or 503), `/metrics` and `POST /drain` to probes, Prometheus and operators.
 * The address must not be public, because nobody is asked for credentials.
 *
 * @throws {Error} when the address cannot be listened on
 */
export async function startAdminListener(options: AdminListenerOptions): Promise<AdminListener> {
  const routes = routesOf(options);
  const server = createServer((request, response) => {
    void handle(routes, request).then((answer) => send(response, answer));
  });
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

async function handle(routes: Routes, request: IncomingMessage): Promise<Answer & { readonly allow?: string }> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const methods = routes.get(path);
  if (methods === undefined) return json(404, { error: `there is no ${[...routes.keys()].join(', ')} at this path` });
  const handler = methods.get(request.method === 'HEAD' ? 'GET' : (request.method ?? ''));
  const allow = [...methods.keys()].join(', ');
  if (handler === undefined) return { ...json(405, { error: `allowed here: ${allow}` }), allow };
  try {
    return await handler();
  } catch (error) {
    return json(503, { ready: false, error: error instanceof Error ? error.message : String(error) });
  }
}

function json(status: number, value: unknown): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

function send(response: ServerResponse, answer: Answer & { readonly allow?: string }): void {
  response.writeHead(answer.status, {
    'content-type': answer.type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...(answer.allow === undefined ? {} : { allow: answer.allow }),
  });
  response.end(answer.body);
}
