import { HoldfastClient } from '@holdfast/client';
import { CLOSE } from '@holdfast/protocol';
import { MemoryStorage, type SeededRandom } from '@holdfast/testkit';
import type { Audit } from './audit.js';
import { type Dial, socketClass } from './client-socket.js';
import type { History } from './history.js';
import type { Link } from './link.js';
import type { Scheduler } from './scheduler.js';
import { SimProcess } from './sim-process.js';
import { ViewAudit } from './view-audit.js';

export interface MemberOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly audit: Audit;
  readonly history: History;
  /** Connects to a gateway through the front door. */
  readonly dial: Dial;
  /** Whether it only reads, until the last message of all. */
  readonly isQuiet: boolean;
  /** Whether its session may get two histories. */
  readonly mayFork: boolean;
  /** Whether the session was ever deleted. */
  readonly isDeleted: () => boolean;
}

/** A message that a member has sent, and its outcome. */
export interface Sent {
  readonly id: string;
  readonly content: string;
  accepted: boolean;
  /** The client gave it up, because its session was deleted. */
  refused?: boolean;
}

/** A person with the real client, who sends, reloads the page, goes offline and comes back. */
export class FramedMember {
  readonly name: string;
  readonly sent: Sent[] = [];
  /** Open links of its page, oldest first. */
  readonly links = new Set<Link>();
  /** Whether it has closed for good. Messages that it does not know to be accepted may then be lost. */
  hasLeft = false;
  /** Whether its page was frozen: what it had sent may have arrived long after. */
  wasFrozen = false;
  readonly #options: MemberOptions;
  readonly #storage = new MemoryStorage();
  readonly #view: ViewAudit;
  readonly #wantsHistory: boolean;
  #wantsAll: boolean;
  /** Prefix of its messages' ids, which are unique only among those of one member (V20). */
  readonly #idPrefix: string;
  #page: { readonly process: SimProcess; readonly client: HoldfastClient } | undefined;
  #ids = 0;

  constructor(options: MemberOptions, wantsHistory: boolean) {
    const { name, history, audit } = options;
    this.#options = options;
    this.name = name;
    this.#wantsHistory = wantsHistory;
    this.#wantsAll = wantsHistory;
    // Where a session may get two histories, only ids tell their messages apart (K6).
    this.#idPrefix = options.random.chance(0.4) && !options.mayFork ? 'n' : `${name}-`;
    this.#view = new ViewAudit(name, history, audit.fail, audit.tailsAreSmall);
  }

  get isQuiet(): boolean {
    return this.#options.isQuiet;
  }

  get sessionId(): string {
    return this.#options.history.sessionId;
  }

  /**
   * Why the member has not received everything yet. Nothing if it has.
   *
   * @param isLast whether a last message was sent in every session
   */
  missing(isLast: boolean): string | undefined {
    const client = this.#page?.client;
    const { newest } = this.#options.history;
    if (this.hasLeft) return undefined;
    if (client?.state.kind !== 'open') return `is ${client?.state.kind ?? 'away'}`;
    if (client.outbox.length > 0) return `waits for ${client.outbox.map(({ id }) => id).join(' ')}`;
    // A loss that nobody has noticed yet is noticed with the next message.
    if (this.#options.history.isDisturbed && !isLast) return undefined;
    if (this.#view.isOutdated) return `was shown another message as ${newest}`;
    return this.#view.seq === newest ? undefined : `is at ${this.#view.seq} of ${newest}`;
  }

  /** Whether it has sent a message and knows that it is stored. */
  hasAccepted(content: string): boolean {
    return this.sent.some((sent) => sent.accepted && sent.content === content);
  }

  /** Checks in the end that it was shown the log. */
  audit(): void {
    if (!this.hasLeft) this.#view.end();
  }

  /** Opens the page, and connects. */
  open(): void {
    if (this.#page || this.hasLeft) return;
    const { name, scheduler, random, audit, dial } = this.#options;
    audit.note(`${name} opens its page`);
    const process = new SimProcess(scheduler, random.int(-5_000, 5_000));
    const client = new HoldfastClient({
      url: 'ws://holdfast/ws/chat/',
      sessionId: this.#options.history.sessionId,
      redisPersistence: true,
      history: this.#wantsHistory,
      storage: this.#storage,
      keepPosition: true,
      backoffBaseMs: 100,
      backoffMaxMs: 1_500,
      connectTimeoutMs: 4_000,
      webSocket: socketClass(process, this.#dial(dial)),
      clock: process.clock as never,
      random: random.fork('client').next,
      newId: () => `${name}-secret-secret-${++this.#ids}`,
    });
    this.#page = { process, client };
    this.#listen(client);
    client.connect();
  }

  /** The page is unloaded: its sockets close and its timers end, and the storage stays. */
  unload(): void {
    const { audit, random } = this.#options;
    if (!this.#page) return;
    audit.note(`${this.name} unloads its page`);
    this.#page.process.kill();
    this.#page = undefined;
    for (const link of this.links) link.clientDied(random.chance(0.5) ? 1001 : 1006);
    this.links.clear();
  }

  /** The application closes the client, and may connect it again later. */
  disconnect(): void {
    this.#options.audit.note(`${this.name} disconnects`);
    this.#page?.client.close();
  }

  connect(): void {
    this.#options.audit.note(`${this.name} connects`);
    this.#page?.client.connect();
  }

  wake(): void {
    this.#page?.client.wake();
  }

  freeze(ms: number): void {
    this.wasFrozen = true;
    this.#page?.process.freeze(ms);
  }

  /** Closes for good, and checks that the client leaves no timer behind. */
  leave(): void {
    const page = this.#page;
    this.hasLeft = true;
    if (!page) return;
    this.#options.audit.note(`${this.name} leaves`);
    page.client.close();
    const { pending } = page.process.clock;
    if (pending > 0) this.#options.audit.fail('client', `${this.name} has closed and left ${pending} timers`);
  }

  send(content: string): void {
    const page = this.#page;
    if (!page || this.hasLeft) return;
    const id = `${this.#idPrefix}${this.sent.length + 1}`;
    this.sent.push({ id, content, accepted: false });
    this.#options.audit.note(`${this.name} sends ${id}`);
    page.client.send(content, id);
  }

  #isStoredAs(content: string, seq: number): boolean {
    const { history } = this.#options;
    return history.at(seq)?.content === content || history.ever(seq).some((stored) => stored.content === content);
  }

  #rejected(id: string, code: string): void {
    const { audit, isDeleted } = this.#options;
    const sent = this.sent.find((each) => each.id === id);
    // The error `not_stored` comes together with the frame that tells of the deletion.
    if (!isDeleted() || !['session_deleted', 'not_stored'].includes(code)) {
      audit.fail('V11', `${this.name}: ${id} is refused: ${code}`);
    } else if (sent) sent.refused = true;
  }

  /** The session was deleted: the person goes on in a new session of the same name. */
  #startAnew(client: HoldfastClient): void {
    const { audit, random, scheduler, isDeleted } = this.#options;
    if (!isDeleted()) audit.fail('V7', `${this.name} is told that the session is deleted, which it is not`);
    this.#view.forget();
    this.#wantsAll = this.#wantsHistory;
    const page = this.#page;
    scheduler.after(random.int(50, 1_500), () => {
      if (!this.hasLeft && this.#page === page) client.connect();
    });
  }

  #dial(dial: Dial): Dial {
    return (client, query, protocolHeader) => {
      for (const link of this.links) if (!link.isOpen) this.links.delete(link);
      const link = dial(client, query, protocolHeader);
      this.links.add(link);
      return link;
    };
  }

  #listen(client: HoldfastClient): void {
    const { audit } = this.#options;
    const view = this.#view;
    let unknown: string | null = null;
    client.on('welcome', ({ epoch, seq, firstSeq, recovered }) => {
      unknown = recovered ? null : epoch;
      // A member that was welcomed before the session was known asks for the whole history later (D3).
      if (epoch === '') this.#wantsAll = true;
      else view.begin(this.#wantsAll ? firstSeq || seq + 1 : seq + 1);
    });
    client.on('message', (message) => view.shown(message));
    client.on('update', (message) => view.updated(message));
    client.on('gap', ({ from, to }) => view.gap(from, to));
    client.on('reset', ({ epoch, from }) => view.reset(from, epoch === unknown));
    client.on('session', ({ event }) => {
      if (event === 'expired') view.reset(1);
    });
    client.on('rejected', ({ id, code }) => this.#rejected(id, code));
    client.on('storageError', (error) => audit.fail('client', `${this.name}: ${String(error)}`));
    client.on('accepted', ({ id, seq }) => {
      const sent = this.sent.find((each) => each.id === id);
      if (!sent || !this.#isStoredAs(sent.content, seq ?? 0)) {
        return audit.fail('V2', `${this.name} is told that ${id} is accepted as ${seq}, which it is not`);
      }
      sent.accepted = true;
    });
    client.on('state', (state) => {
      if (state.kind === 'closed' && state.code === CLOSE.sessionDeleted.code) this.#startAnew(client);
      audit.note(`${this.name} is ${state.kind}${'reason' in state ? ` (${state.code} ${state.reason})` : ''}`);
    });
  }
}
