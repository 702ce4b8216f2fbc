import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Memory of a process, in bytes. */
export interface HeapUsage {
  readonly rss: number;
  readonly heapUsed: number;
  /** Outside the heap, held by objects on the heap. */
  readonly external: number;
}

interface Answer {
  readonly id: number;
  readonly result?: { readonly result?: { readonly value?: string } };
  readonly error?: { readonly message: string };
}

/** Reads the memory of a Node process that was started with `--inspect`. */
export class Inspector {
  readonly #socket: WebSocket;
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<Inspector> {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await answer.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
    if (!target) throw new Error(`nothing can be inspected on port ${port}`);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** The memory that is in use after a garbage collection. */
  async usage(): Promise<HeapUsage> {
    await this.#ask('HeapProfiler.collectGarbage');
    const expression = 'JSON.stringify(process.memoryUsage())';
    const value = (await this.#ask('Runtime.evaluate', { expression, returnByValue: true })).result?.result?.value;
    if (value === undefined) throw new Error('the process does not tell what memory it uses');
    return JSON.parse(value) as HeapUsage;
  }

  close(): void {
    this.#socket.terminate();
  }

  /** Calls a method of the inspector. One call at a time. */
  async #ask(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    this.#asked += 1;
    this.#socket.send(JSON.stringify({ id: this.#asked, method, params }));
    for (;;) {
      const [data] = (await once(this.#socket, 'message')) as [Buffer];
      const answer = JSON.parse(data.toString()) as Answer;
      if (answer.id !== this.#asked) continue;
      if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
      return answer;
    }
  }
}
