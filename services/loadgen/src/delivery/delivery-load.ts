import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '@holdfast/testkit';
import { Histogram } from '../histogram.js';
import { auditSession } from './audit.js';
import { type DeliveryOptions, type DeliverySettings, settleDelivery } from './delivery-options.js';
import type { DeliveryReport } from './delivery-report.js';
import { HistoryCollector } from './history-collector.js';
import { Journal } from './journal.js';
import { DISCONNECTS, type Disconnect, Member, type Tally } from './member.js';
import { Violations } from './violations.js';

/** How often messages and disconnects that are due are carried out. */
const TICK_MS = 10;
const POLL_MS = 25;
const PROGRESS_MS = 1_000;
const DEFAULT_SECONDS = 20;

/** A session of the check. */
interface CheckedSession {
  readonly journal: Journal;
  readonly members: readonly Member[];
  readonly collector: HistoryCollector;
}

/**
 * Members of several sessions that send, lose their connections and come back, until {@link DeliveryLoad.finish} audits
 * what they were shown.
 */
export class DeliveryLoad {
  readonly seed: number;
  readonly #settings: DeliverySettings;
  readonly #random: SeededRandom;
  readonly #sessions: readonly CheckedSession[];
  readonly #members: readonly Member[];
  readonly #disconnects: Record<Disconnect, number> = { cut: 0, close: 0, switch: 0, reload: 0 };
  readonly #tally: Tally = {
    violations: new Violations(),
    accepting: new Histogram(),
    showing: new Histogram(),
    interruptions: new Map(),
    sent: 0,
    accepted: 0,
    rejected: 0,
    shown: 0,
    pending: 0,
    resets: 0,
  };
  #ticker: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #tickedAt = 0;
  #toldAt = 0;
  #sentFor = 0;
  /** How many messages and disconnects are due, with the fraction of the next. */
  #dueMessages = 0;
  #dueDisconnects = 0;

  private constructor(settings: DeliverySettings) {
    this.#settings = settings;
    this.seed = settings.seed;
    this.#random = new SeededRandom(settings.seed);
    const run = randomBytes(6).toString('hex');
    this.#sessions = Array.from({ length: settings.sessions }, (_, index) => {
      const journal = new Journal(`${settings.sessionPrefix}-${run}-${index}`, settings.contentBytes);
      const members = Array.from({ length: settings.members }, (_unused, place) => {
        const number = index * settings.members + place;
        return new Member(number, journal, settings, this.#tally, this.#random.fork(`member ${number}`));
      });
      return { journal, members, collector: new HistoryCollector(settings.history, journal, this.#tally.violations) };
    });
    this.#members = this.#sessions.flatMap(({ members }) => members);
  }

  /**
   * Connects every member, then starts sending.
   *
   * @throws TypeError for an option of the wrong form
   * @throws Error when a member cannot connect within `settleSeconds`
   */
  static async start(options: DeliveryOptions): Promise<DeliveryLoad> {
    const load = new DeliveryLoad(settleDelivery(options));
    for (const member of load.#members) member.connect();
    const areIn = await load.#until(() => load.#members.every((member) => member.isOpen));
    if (!areIn) {
      const failure = new Error(`some members cannot connect: ${load.#conditions()}`);
      load.stop();
      throw failure;
    }
    load.#startedAt = performance.now();
    load.#toldAt = load.#startedAt;
    load.resume();
    return load;
  }

  /** Starts sending and disconnecting, also after {@link pause}. */
  resume(): void {
    if (this.#ticker) return;
    this.#tickedAt = performance.now();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Stops sending and disconnecting. Members that are away come back. */
  pause(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  /** Waits until this many more messages are accepted. @throws Error after `settleSeconds` */
  async accepted(count: number): Promise<void> {
    const before = this.#tally.accepted;
    if (await this.#until(() => this.#tally.accepted >= before + count)) return;
    throw new Error(
      `${this.#tally.accepted - before} of ${count} messages were accepted in time; ${this.#conditions()}`,
    );
  }

  /**
   * Waits until members are shown this many more messages, including pending ones.
   *
   * @throws Error after `settleSeconds`
   */
  async shown(count: number): Promise<void> {
    const before = this.#tally.shown;
    if (await this.#until(() => this.#tally.shown >= before + count)) return;
    throw new Error(`${this.#tally.shown - before} of ${count} messages were shown in time; ${this.#conditions()}`);
  }

  /**
   * Waits until every session has accepted a message that was sent after this call.
   *
   * @throws Error after `settleSeconds`
   */
  async flowing(): Promise<void> {
    const marks = this.#sessions.map(({ journal }) => ({ journal, from: journal.messages.length }));
    const isFlowing = await this.#until(() =>
      marks.every(({ journal, from }) =>
        journal.messages.slice(from).some((message) => message.acceptedAt !== undefined),
      ),
    );
    if (!isFlowing) throw new Error(`no message was accepted in some session; ${this.#conditions()}`);
  }

  /**
   * Waits until every message is accepted or refused, and every member is connected and was shown all accepted
   * messages.
   *
   * @returns how many milliseconds it took; nothing if it took longer than `settleSeconds`
   */
  async settled(): Promise<number | undefined> {
    const startedAt = performance.now();
    const isSettled = await this.#until(() => this.#members.every((member) => member.isSettled));
    return isSettled ? performance.now() - startedAt : undefined;
  }

  /** Sends one message in every session, each from any of its members. */
  sendOnce(): void {
    for (const { members } of this.#sessions) this.#random.pick(members).send();
  }

  /** Breaks the connections of all members at the same time. */
  cutAll(): void {
    for (const member of this.#members) if (member.disconnect('cut')) this.#disconnects.cut += 1;
  }

  /** Stops sending, waits until everything has arrived, audits, and deletes the sessions that have no violation. */
  async finish(): Promise<DeliveryReport> {
    this.pause();
    await this.settled();
    this.stop();
    return this.#audit();
  }

  /** Closes every member without an audit. */
  stop(): void {
    this.pause();
    for (const member of this.#members) member.stop();
  }

  #tick(): void {
    const { rate, disconnectEvery, onProgress } = this.#settings;
    const now = performance.now();
    const seconds = (now - this.#tickedAt) / 1_000;
    this.#tickedAt = now;
    this.#sentFor += seconds;
    this.#dueMessages += seconds * rate;
    for (; this.#dueMessages >= 1; this.#dueMessages -= 1) this.#random.pick(this.#members).send();
    if (disconnectEvery > 0) this.#dueDisconnects += (seconds * this.#members.length) / disconnectEvery;
    for (; this.#dueDisconnects >= 1; this.#dueDisconnects -= 1) {
      const how = this.#random.pick(DISCONNECTS);
      if (this.#random.pick(this.#members).disconnect(how)) this.#disconnects[how] += 1;
    }
    if (now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    for (const { collector } of this.#sessions) collector.readAhead();
    onProgress?.({
      seconds: (now - this.#startedAt) / 1_000,
      connected: this.#members.filter((member) => member.isOpen).length,
      members: this.#members.length,
      sent: this.#tally.sent,
      accepted: this.#tally.accepted,
      shown: this.#tally.shown,
      disconnects: Object.values(this.#disconnects).reduce((sum, count) => sum + count, 0),
    });
  }

  /** The states of the members' connections and the violations so far, in words. */
  #conditions(): string {
    const counts = new Map<string, number>();
    for (const { condition } of this.#members) counts.set(condition, (counts.get(condition) ?? 0) + 1);
    const conditions = [...counts].map(([condition, count]) => `${count} members ${condition}`);
    const wrong = Object.entries(this.#tally.violations.counts()).map(([kind, count]) => `${count} times ${kind}`);
    return [...conditions, ...wrong].join(', ');
  }

  async #until(condition: () => boolean): Promise<boolean> {
    const deadline = performance.now() + this.#settings.settleSeconds * 1_000;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      await delay(POLL_MS);
    }
    return true;
  }

  async #audit(): Promise<DeliveryReport> {
    const { violations, accepting, showing, interruptions, ...counts } = this.#tally;
    const hadReset = counts.resets > 0;
    for (const { journal, members, collector } of this.#sessions) {
      const history = await collector.finish(hadReset);
      auditSession({ journal, history, members, hadReset }, violations);
      if (violations.total === 0) await this.#settings.history.remove(journal.sessionId);
    }
    return {
      ok: violations.total === 0 && counts.accepted > 0,
      seed: this.seed,
      sessions: this.#sessions.length,
      members: this.#members.length,
      gateways: this.#settings.gateways.length,
      seconds: this.#sentFor,
      ...counts,
      disconnects: this.#disconnects,
      interruptions: Object.fromEntries(interruptions),
      accepting: accepting.summary(),
      showing: showing.summary(),
      violations: violations.counts(),
      examples: violations.kept,
    };
  }
}

/**
 * Runs a whole delivery check: connects the members, sends and disconnects for `seconds`, and audits.
 *
 * @throws TypeError for an option of the wrong form
 * @throws Error when members cannot connect, or the history cannot be read
 */
export async function runDeliveryCheck(options: DeliveryOptions): Promise<DeliveryReport> {
  const load = await DeliveryLoad.start(options);
  await delay((options.seconds ?? DEFAULT_SECONDS) * 1_000);
  return load.finish();
}
