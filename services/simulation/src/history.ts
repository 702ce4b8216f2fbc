import {
  decodeLive,
  entryBytes,
  isFullOfBytes,
  type LivePayload,
  type LogBounds,
  type LogEntry,
  logEntryOf,
  messageName,
  storedFrame,
} from '@holdfast/session-store';
import type { Change, Stored, StoreState } from './stored.js';

/** Reports a violation. @param rule of docs/design or SPEC.md; `1` is the first promise */
export type Fail = (rule: string, what: string) => void;

/**
 * What the log of a session contains, and what it has ever contained. Everything else is checked against this. As long
 * as Redis has lost nothing, there is one epoch, and stored messages do not change.
 */
export class History {
  readonly sessionId: string;
  readonly #bounds: LogBounds;
  readonly #now: () => number;
  readonly #fail: Fail;
  /** The message under each number of the current epoch, even if it was trimmed. */
  #record: (Stored | undefined)[] = [];
  #first = 1;
  /** The newest number that was ever trimmed. */
  #trimmedTo = 0;
  #newest = 0;
  #epoch = '';
  /** Whether the session has lost something or has ended. From then on numbers and epochs may change. */
  isDisturbed = false;
  /** How many seconds the session lives. Absent: longer than a run lasts. */
  ttl: number | undefined;
  /** Whether Redis has lost the session or a part of it, other than by its end. */
  wasLost = false;
  /** Whether the session was deleted or has expired. */
  wasEnded = false;
  /** Whether only the log was lost. Until it is put back, repeated messages are not recognised. */
  hasLostLog = false;
  readonly #epochs = new Set<string>();
  /**
   * All messages that were ever stored, by epoch and number. A number has several if the store fell back in between.
   */
  readonly #ever = new Map<string, Stored[]>();
  readonly #byName = new Map<string, Stored>();
  readonly #byContent = new Map<string, Stored>();
  /** Numbers of messages that were stored again after they had been trimmed, which A4 allows. */
  readonly #again = new Set<number>();
  readonly #returned = new Set<number>();
  readonly #firstMs = new Map<string, number>();
  /** Contents that may be missing, because nobody had them any more, or because their session was to end. */
  readonly #excused = new Set<string>();

  /**
   * @param bounds how many messages the store keeps, and how many bytes of them
   * @param now virtual milliseconds
   */
  constructor(sessionId: string, bounds: LogBounds, now: () => number, fail: Fail) {
    this.sessionId = sessionId;
    this.#bounds = bounds;
    this.#now = now;
    this.#fail = fail;
  }

  /** The current epoch; empty when there is no session. */
  get epoch(): string {
    return this.#epoch;
  }

  get newest(): number {
    return this.#newest;
  }

  /** Whether the session may expire during a run. */
  get isShort(): boolean {
    return this.ttl !== undefined;
  }

  /** The oldest number in the log; 0 when the log is empty. */
  get firstKept(): number {
    return this.#first > this.#newest ? 0 : this.#first;
  }

  /** Whether older messages are trimmed. */
  get isFull(): boolean {
    const { kept } = this;
    if (kept.length >= this.#bounds.entries) return true;
    const sizes = (stored: readonly Stored[]) => stored.map(({ bytes }) => bytes);
    return isFullOfBytes(sizes(kept), sizes([...this.#byName.values()]), this.#bounds);
  }

  at(seq: number): Stored | undefined {
    return this.#record[seq - 1];
  }

  /** The message with a content, as it was stored first. If it is in the current epoch, as it was stored there. */
  find(content: string): Stored | undefined {
    return this.#byContent.get(content);
  }

  findByName(name: string): Stored | undefined {
    return this.#byName.get(name);
  }

  /** Whether a message is in the log now. */
  has(name: string): boolean {
    const stored = this.#byName.get(name);
    return stored !== undefined && this.isKept(stored);
  }

  /** The contents that were ever stored in an epoch. */
  allOf(epoch: string): string[] {
    const contents: string[] = [];
    for (const [key, stored] of this.#ever) {
      if (key.startsWith(`${epoch} `)) contents.push(...stored.map(({ content }) => content));
    }
    return contents;
  }

  /** Whether a stored message is in the log now. */
  isKept({ name, seq }: Stored): boolean {
    return seq >= this.#first && seq <= this.#newest && this.at(seq)?.name === name;
  }

  /** Whether a message was trimmed, now or before it was put back: a gateway may have forgotten it since. */
  wasTrimmed(stored: Stored): boolean {
    return stored.seq <= this.#trimmedTo || !this.isKept(stored);
  }

  /** The messages that were ever stored under a number. @param epoch absent: in any epoch */
  ever(seq: number, epoch?: string): readonly Stored[] {
    if (epoch !== undefined) return this.#ever.get(`${epoch} ${seq}`) ?? [];
    return [...this.#epochs].flatMap((each) => this.#ever.get(`${each} ${seq}`) ?? []);
  }

  knowsEpoch(epoch: string): boolean {
    return this.#epochs.has(epoch);
  }

  /** The newest number that was stored until a time. */
  newestAt(atMs: number): number {
    let seq = this.newest;
    while (seq > 0 && (this.at(seq)?.atMs ?? 0) > atMs) seq -= 1;
    return seq;
  }

  /** Whether the message under a number is one that was stored again after it had been trimmed. */
  isAgain(seq: number): boolean {
    return this.#again.has(seq) || this.hasLostLog;
  }

  /** When a content was stored for the first time, in any epoch. */
  firstStoredMs(content: string): number {
    return this.#firstMs.get(content) ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the log went on without the message under a number, before it was put back. */
  hasReturned(seq: number): boolean {
    return this.#returned.has(seq);
  }

  /** The log, oldest first. */
  get kept(): readonly Stored[] {
    return this.#record.slice(this.#first - 1, this.#newest).filter((stored) => stored !== undefined);
  }

  /** All contents that were ever stored, each once. */
  get contents(): Iterable<string> {
    return this.#byContent.keys();
  }

  excuse(content: string): void {
    this.#excused.add(content);
  }

  isExcused(content: string): boolean {
    return this.#excused.has(content);
  }

  /** Redis has published a payload. @returns false if the store cannot be what it was before plus these messages */
  published(payload: Buffer): boolean {
    const live = decodeLive(payload);
    if (live?.kind !== 'stored' || live.messages.length === 0) return true;
    const { epoch, seq } = live.before;
    const isBegun = this.#epoch === '' && seq === 0 && !this.knowsEpoch(epoch);
    if (this.isDisturbed && !isBegun && (epoch !== this.#epoch || seq !== this.#newest)) return false;
    this.#add(live);
    return true;
  }

  /** Takes the changed content of the store. */
  take(state: StoreState | undefined, change: Change): void {
    const { epoch = '', count = 0, log = [] } = state ?? {};
    if (!this.isDisturbed && this.#epoch !== '' && epoch !== this.#epoch) {
      this.#fail('G3', `${this.sessionId} began a new epoch although nothing was lost`);
    }
    if (change === 'lost') this.wasLost = true;
    if (change === 'put back' || change === 'joined')
      for (const { seq } of log) if (seq < this.#first) this.#returned.add(seq);
    if (epoch !== this.#epoch) this.#record = [];
    this.#epoch = epoch;
    if (epoch !== '') this.#epochs.add(epoch);
    const names = new Set<string>();
    for (const entry of log) {
      const name = messageName(entry);
      if (names.has(name) && !this.hasLostLog) this.#fail('A4', `${entry.id} is in the log of ${this.sessionId} twice`);
      names.add(name);
      this.#record[entry.seq - 1] = this.#taken(entry, name, change);
    }
    this.#first = log[0]?.seq ?? count + 1;
    this.#newest = log.at(-1)?.seq ?? count;
    const bytes = log.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (log.length > 1 && (log.length > this.#bounds.entries || bytes > this.#bounds.bytes))
      this.#fail('K2', `${log.length} messages of ${bytes} bytes are in the log of ${this.sessionId}`);
    // A full log was trimmed.
    if (this.isFull) for (const [name, { content }] of this.#byName) if (!names.has(name)) this.excuse(content);
    if (this.#newest !== count) this.#fail('K1', `the count is ${count}, the log ends at ${this.#newest}`);
    if (this.#newest - this.#first + 1 !== log.length) this.#fail('G2', `the log of ${this.sessionId} has a hole`);
  }

  #taken(entry: LogEntry, name: string, change: Change): Stored {
    const { seq, id } = entry;
    const known = this.ever(seq, this.#epoch).find((each) => each.name === name);
    if (known) {
      this.#byName.set(name, known);
      this.#byContent.set(known.content, known);
      return known;
    }
    const before = this.#byName.get(name);
    if (change === 'put back') this.#fail('G2', `${id} is put back as ${seq}, which it never was`);
    if (change === 'joined' && !before) this.#fail('G4', `${id}, which was never stored, is in the joined log`);
    if (before && this.#again.has(before.seq)) this.#again.add(seq);
    return this.#store(entry, name, before?.atMs);
  }

  #add({ before, messages }: Extract<LivePayload, { kind: 'stored' }>): void {
    if (this.#epoch === '') this.#begin(before.epoch);
    if (before.epoch !== this.#epoch) this.#fail('G3', `${this.sessionId} began a new epoch although nothing was lost`);
    if (before.seq !== this.#newest)
      this.#fail('A1', `${this.sessionId}: ${before.seq} was followed by another number`);
    const last = this.at(before.seq)?.id ?? '';
    if (before.id !== last && this.firstKept !== 0) this.#fail('K6', `${before.seq} is not ${before.id}`);
    for (const message of messages) {
      const { seq, id } = message;
      const name = messageName(message);
      const earlier = this.#byName.get(name);
      if (earlier && this.isKept(earlier)) {
        this.#fail('A4', `${id} was stored twice in ${this.sessionId}: as ${earlier.seq} and as ${seq}`);
      }
      this.#record[seq - 1] = this.#store(logEntryOf(message), name);
      this.#newest = seq;
      if (earlier) this.#again.add(seq);
    }
    this.#trim();
  }

  /** The oldest messages leave the log, as far as it has no room for them (K2). */
  #trim(): void {
    let bytes = this.kept.reduce((sum, stored) => sum + stored.bytes, 0);
    while (this.#first < this.#newest) {
      if (this.#newest - this.#first < this.#bounds.entries && bytes <= this.#bounds.bytes) return;
      const oldest = this.at(this.#first);
      if (oldest) this.excuse(oldest.content);
      bytes -= oldest?.bytes ?? 0;
      this.#trimmedTo = Math.max(this.#trimmedTo, this.#first);
      this.#first += 1;
    }
  }

  #begin(epoch: string): void {
    this.#epoch = epoch;
    this.#epochs.add(epoch);
    this.#record = [];
    this.#first = 1;
    this.#newest = 0;
  }

  #store(entry: LogEntry, name: string, atMs = this.#now()): Stored {
    const { seq, id, body } = entry;
    const frame = storedFrame(seq, id, body);
    const content = this.#byName.get(name)?.content ?? (JSON.parse(frame) as { content: string }).content;
    const stored: Stored = { seq, id, name, content, frame, bytes: entryBytes(entry), atMs };
    if (!this.#firstMs.has(content)) this.#firstMs.set(content, atMs);
    const namesake = this.#byContent.get(content);
    if (namesake && namesake.name !== name) {
      this.#fail('A4', `"${content}" was stored as ${namesake.seq} and, under another name, as ${seq}`);
    }
    const key = `${this.#epoch} ${seq}`;
    this.#ever.set(key, [...(this.#ever.get(key) ?? []), stored]);
    this.#byName.set(name, stored);
    if (!namesake || this.isDisturbed) this.#byContent.set(content, stored);
    return stored;
  }
}
