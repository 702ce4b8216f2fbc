import type { WebSocketConstructor } from '@holdfast/client';
import type { ClientEnd, Link } from './link.js';
import type { SimProcess } from './sim-process.js';

/** Makes the link behind a socket. */
export type Dial = (client: ClientEnd, query: string, protocolHeader: string) => Link;

type Handlers = {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onclose: ((event: { code: number; reason: string }) => void) | undefined;
};

/** A browser's WebSocket on the simulated network. */
export class ClientSocket implements ClientEnd, Handlers {
  onmessage: Handlers['onmessage'];
  onclose: Handlers['onclose'];
  onerror: (() => void) | undefined;
  readonly process: SimProcess;
  readonly link: Link;

  constructor(process: SimProcess, dial: Dial, url: string, protocols: readonly string[]) {
    this.process = process;
    this.link = dial(this, new URL(url).search.slice(1), protocols.join(', '));
  }

  send(text: string): void {
    this.link.sendFromClient(text);
  }

  close(code = 1000): void {
    this.link.closeFromClient(code);
  }

  received(text: string): void {
    this.onmessage?.({ data: text });
  }

  ended(code: number, reason: string): void {
    this.onclose?.({ code, reason });
  }
}

/** The class from which the client of a page makes its sockets. */
export function socketClass(process: SimProcess, dial: Dial): WebSocketConstructor {
  return class extends ClientSocket {
    constructor(url: string, protocols: string[]) {
      super(process, dial, url, protocols);
    }
  };
}
