import { connect, type Socket } from 'node:net';
import { registerCleanup } from './cleanup.js';

/** Opens TCP connections to a port and sends nothing on them, again and again, so that they take what the server has. */
export class IdleConnections {
  readonly #port: number;
  readonly #count: number;
  readonly #open = new Set<Socket>();
  #released = false;

  private constructor(port: number, count: number) {
    this.#port = port;
    this.#count = count;
  }

  /** @param count how many are tried at any time, whether the server takes them or not */
  static hold(port: number, count: number): IdleConnections {
    const connections = new IdleConnections(port, count);
    for (let n = 0; n < count; n++) connections.#connect();
    registerCleanup('idle connections', async () => connections.release());
    return connections;
  }

  release(): void {
    this.#released = true;
    for (const socket of this.#open) socket.destroy();
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: '127.0.0.1' });
    this.#open.add(socket);
    // A refusal is what most of them get: the connection is tried again, as by somebody who wants to do harm.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#open.delete(socket);
      if (!this.#released && this.#open.size < this.#count)
        setTimeout(() => this.#released || this.#connect(), 50).unref();
    });
  }
}
