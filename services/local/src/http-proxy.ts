import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { forwardedHeaders, returnedHeaders } from './forwarded-headers.js';
import type { Backend } from './gateway-pool.js';
import { brokenOff, type ProxyFailure, renderFailure, unavailable } from './proxy-failure.js';

/** Passes HTTP requests on to one backend, over connections that are kept open between requests. */
export class HttpProxy {
  readonly #backend: Backend;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Answers the request with the backend's answer, or with 502 or 503 when there is none. */
  forward(request: IncomingMessage, response: ServerResponse): void {
    const upstream = httpRequest({
      host: '127.0.0.1',
      port: this.#backend.port,
      method: request.method,
      path: request.url,
      headers: forwardedHeaders(request),
      agent: this.#agent,
    });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, returnedHeaders(answer.rawHeaders));
      answer.pipe(response);
      // The client must not take half an answer for a whole one: its connection breaks too.
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (response.headersSent) {
        response.destroy();
      } else if (canRepeat(request) && upstream.reusedSocket && error.code === 'ECONNRESET') {
        // The backend closed a kept connection just as it was used again. HTTP cannot avoid this race (RFC 9112,
        // 9.3.1).
        this.forward(request, response);
      } else {
        const { name } = this.#backend;
        sendFailure(response, error.code === 'ECONNREFUSED' ? unavailable(`${name} is not running`) : brokenOff(name));
      }
    });
    response.on('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    request.pipe(upstream);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Answers a request with a failure of the front door's own. */
export function sendFailure(response: ServerResponse, failure: ProxyFailure): void {
  const { headers, body } = renderFailure(failure);
  response.writeHead(failure.status, headers);
  response.end(body);
}

/**
 * Whether a request can be sent again: it has no effect that could happen twice, and no body that is used up by now.
 */
function canRepeat(request: IncomingMessage): boolean {
  const { method, headers } = request;
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}
