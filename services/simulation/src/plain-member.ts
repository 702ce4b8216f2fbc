import type { SeededRandom } from '@holdfast/testkit';
import type { Audit } from './audit.js';
import { ClientSocket, type Dial } from './client-socket.js';
import type { History } from './history.js';
import type { Scheduled, Scheduler } from './scheduler.js';
import { SimProcess } from './sim-process.js';

/** What a client needs that is no person with a page. */
export interface StrangerOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly audit: Audit;
  readonly history: History;
  readonly dial: Dial;
}

export interface PlainMemberOptions extends StrangerOptions {
  /** Whether it only reads. */
  readonly isQuiet: boolean;
}

/** After this long without any frame, even a heartbeat (P3), the script gives its connection up. */
const SILENCE_MS = 9_000;

/** A small script on the plain protocol, which sends while it is connected and otherwise connects again. */
export class PlainMember {
  readonly name: string;
  /** Everything it has sent, each with the number of the connection. */
  readonly sent: { readonly content: string; readonly connection: number }[] = [];
  /** Contents of its own that came back to it. */
  readonly seen = new Set<string>();
  readonly #options: PlainMemberOptions;
  readonly #process: SimProcess;
  readonly #query: string;
  #socket: ClientSocket | undefined;
  #connections = 0;
  #connectedMs = 0;
  #isDone = false;
  #watch: Scheduled | undefined;
  /** Contents that came on the current connection. */
  readonly #here = new Set<string>();

  constructor(options: PlainMemberOptions) {
    const { name, scheduler, random, history } = options;
    this.#options = options;
    this.name = name;
    this.#process = new SimProcess(scheduler, 0);
    const secret = random.chance(0.5) ? `&client=${name}-secret-secret` : '';
    this.#query = `session=${history.sessionId}&redis_persistence=true${secret}`;
  }

  get isQuiet(): boolean {
    return this.#options.isQuiet;
  }

  get sessionId(): string {
    return this.#options.history.sessionId;
  }

  /**
   * Why the member has not received everything yet. A member that has received nothing cannot know.
   *
   * @param isLast whether a last message was sent in every session
   */
  missing(isLast: boolean): string | undefined {
    const { newest } = this.#options.history;
    if (this.#isDone) return undefined;
    if (!this.#socket) return 'is not connected';
    if (this.#options.history.isDisturbed && !isLast) return undefined;
    const last = this.#options.history.at(newest);
    // A fork may move a message of the past to the end. It need not be given (see missingOnPlain).
    if (last && this.#options.history.firstStoredMs(last.content) < this.#connectedMs) return undefined;
    return this.#here.size === 0 || !last || this.#here.has(last.content) ? undefined : `has not got ${newest}`;
  }

  get link(): ClientSocket['link'] | undefined {
    return this.#socket?.link;
  }

  connect(): void {
    if (this.#isDone) return;
    const { dial, audit } = this.#options;
    audit.note(`${this.name} connects`);
    const socket = new ClientSocket(this.#process, dial, `ws://holdfast/ws/chat/?${this.#query}`, []);
    this.#socket = socket;
    this.#connections += 1;
    this.#connectedMs = this.#options.scheduler.nowMs;
    this.#here.clear();
    this.#watchSilence();
    socket.onmessage = ({ data }) => this.#received(String(data));
    socket.onclose = () => this.#closed();
  }

  send(content: string): void {
    if (!this.#socket || this.#isDone) return;
    this.#options.audit.note(`${this.name} sends ${content}`);
    this.sent.push({ content, connection: this.#connections });
    this.#socket.send(content);
  }

  #watchSilence(): void {
    const { clock } = this.#process;
    clock.clearTimeout(this.#watch);
    this.#watch = clock.setTimeout(() => {
      this.#socket?.close();
      this.#closed();
    }, SILENCE_MS);
  }

  leave(): void {
    this.#isDone = true;
    this.#socket?.close();
    this.#process.kill();
  }

  #closed(): void {
    this.#socket = undefined;
    this.#process.clock.clearTimeout(this.#watch);
    if (!this.#isDone) this.#process.clock.setTimeout(() => this.connect(), this.#options.random.int(50, 1_000));
  }

  #received(text: string): void {
    this.#watchSilence();
    const frame = JSON.parse(text) as { type?: string; count?: number; echo?: string };
    if (frame.type !== 'message' || frame.echo === undefined) return;
    this.seen.add(frame.echo);
    this.#here.add(frame.echo);
  }
}
