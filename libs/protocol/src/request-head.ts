import { type HttpFailure, httpFailure } from './http.js';
import { HEAD_MAX_BYTES, HEAD_MAX_LINES } from './limits.js';

/** ` HTTP/1.1`, two line ends (that of the request line and the empty line) and the space before the target. */
const FRAME_BYTES = 14;
/** `: ` and a line end. */
const LINE_BYTES = 4;

/**
 * Counts a request's head as it was on the wire, line by line (H5). Gateways, the API and the Node front door all count
 * with it, so that they refuse the same heads.
 *
 * Lines that proxies write do not count: `X-Forwarded-`, and a `Connection` that says what HTTP/1.1 does anyway. So a
 * head that the front door takes is not refused behind it.
 */
export class RequestHead {
  #bytes: number;
  #lines = 0;

  /** @param target path and query, as in the request line */
  constructor(method: string, target: string) {
    this.#bytes = method.length + target.length + FRAME_BYTES;
  }

  /** Counts one header line. */
  add(name: string, value: string): void {
    if (isOfProxy(name.toLowerCase(), value)) return;
    this.#lines += 1;
    this.#bytes += name.length + value.length + LINE_BYTES;
  }

  /** Why the request is refused with 431, as a sentence; nothing when its head is not too large. */
  get excess(): string | undefined {
    if (this.#bytes > HEAD_MAX_BYTES) return `request line and headers have at most ${HEAD_MAX_BYTES} bytes`;
    if (this.#lines > HEAD_MAX_LINES) return `a request has at most ${HEAD_MAX_LINES} header lines`;
    return undefined;
  }
}

/** A request's head as Node's HTTP server gives it: header names and values in turn. */
export interface RawHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

/** The answer to a request that is refused for its head (H3, H5); nothing when it is not. */
export function headProblem({ method = '', url = '', httpVersion, rawHeaders }: RawHead): HttpFailure | undefined {
  const head = new RequestHead(method, url);
  let hosts = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    head.add(name, rawHeaders[i + 1] ?? '');
    if (name.toLowerCase() === 'host') hosts += 1;
  }
  if (head.excess !== undefined) return httpFailure('head_too_large', head.excess);
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    return httpFailure('bad_request', 'a request must have the header Host once');
  }
  return undefined;
}

function isOfProxy(name: string, value: string): boolean {
  return name.startsWith('x-forwarded-') || (name === 'connection' && value.toLowerCase() === 'keep-alive');
}
