import { isSeq } from '@holdfast/protocol';
import { type Clock, Timer } from './clock.js';
import type { ChatMessage } from './events.js';
import { keyOf, type MessageList, mergeInOrder } from './message-list.js';
import type { ClientStorage } from './options.js';
import { type StorageProblem, storageProblemOf } from './storage-problem.js';

/** Messages stored of a session. */
const MAX_STORED = 500;
/**
 * Characters stored of a session. A browser's storage holds about five million for a whole site, and everything that
 * waits to be sent must find room in it too.
 */
const MAX_CHARACTERS = 500_000;
/** How long after the first change the messages are written, together with the changes that follow it. */
const WRITE_AFTER_MS = 250;
/** The largest time of a JavaScript date, milliseconds. */
const MAX_TIME = 8.64e15;
/** Stands first where older messages were left out. It has the form of no message, so earlier releases ignore it. */
const TRIMMED = '{"trimmed":true}';

interface Stored {
  /** null: nothing is stored */
  readonly text: string | null;
  readonly messages: readonly ChatMessage[];
  readonly isTrimmed: boolean;
}

const NOTHING: Stored = { text: null, messages: [], isTrimmed: false };

/**
 * A session's messages in the browser's storage, for sessions that are not stored on the server. All tabs of the session
 * share them. A write joins what is stored with what this tab has, and never overwrites one with the other. Two writes at
 * the same moment may still cross, because browsers do not lock the storage and tell other tabs of a write a little
 * later: the tab whose messages are missing in what it is then told of writes again.
 */
export class MessageArchive {
  readonly #storage: ClientStorage;
  readonly #key: string;
  readonly #writeTimer: Timer;
  readonly #own: Pick<MessageList, 'messages'>;
  readonly #onProblem: (problem: StorageProblem | undefined) => void;
  #isDue = false;
  #wasTrimmed: boolean | undefined;
  /** As it was last read or written. */
  #stored = NOTHING;
  /** Keys of messages that somebody has removed from the storage. This tab does not write them again. */
  #removed: ReadonlySet<string> = new Set();

  /**
   * @param own the messages that this tab has
   * @param onProblem called when messages cannot be kept, and with undefined when they are kept
   */
  constructor(
    storage: ClientStorage,
    key: string,
    clock: Clock,
    own: Pick<MessageList, 'messages'>,
    onProblem: (problem: StorageProblem | undefined) => void,
  ) {
    this.#storage = storage;
    this.#key = key;
    this.#writeTimer = new Timer(clock);
    this.#own = own;
    this.#onProblem = onProblem;
  }

  /**
   * Whether older messages had been left out of what this tab has read first, because there were too many. What is left
   * out later is still shown by this tab.
   */
  get wasTrimmed(): boolean {
    return this.#wasTrimmed ?? false;
  }

  /**
   * Reads what is stored, by this tab or another one. Messages of this tab that are missing there will be written.
   *
   * @returns in the order in which they are to be shown
   */
  load(): readonly ChatMessage[] {
    const before = this.#stored;
    const stored = this.#try(() => this.#read());
    this.#wasTrimmed ??= stored?.isTrimmed;
    if (!stored || stored === before) return [];
    const known = new Set(stored.messages.map(keyOf));
    if (this.#kept().some((message) => !known.has(keyOf(message)))) this.save();
    return stored.messages;
  }

  /** Schedules a write. */
  save(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#writeTimer.set(WRITE_AFTER_MS, () => this.flush());
  }

  /** Writes at once if a write is due. Call before the page is left. */
  flush(): void {
    this.#writeTimer.clear();
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#try(() => this.#write());
  }

  /** Removes what is stored, also for the other tabs. */
  clear(): void {
    this.#writeTimer.clear();
    this.#isDue = false;
    this.#stored = NOTHING;
    this.#try(() => this.#storage.removeItem(this.#key));
  }

  #kept(): ChatMessage[] {
    return this.#own.messages().filter((message) => !message.pending && !this.#removed.has(keyOf(message)));
  }

  #read(): Stored {
    const text = this.#storage.getItem(this.#key);
    if (text === this.#stored.text) return this.#stored;
    if (text === null) {
      this.#removed = new Set(this.#own.messages().map(keyOf));
      this.#stored = NOTHING;
      this.#onProblem('removed');
    } else this.#stored = this.#parse(text);
    return this.#stored;
  }

  #parse(text: string): Stored {
    const entries = parseJson(text);
    if (Array.isArray(entries)) {
      const isTrimmed = (entries[0] as { trimmed?: unknown } | null | undefined)?.trimmed === true;
      return { text, messages: entries.flatMap((entry) => toStored(entry) ?? []), isTrimmed };
    }
    if (isObject(entries) && 'version' in entries) throw new NewerForm();
    // The next write takes its place. Whoever can make sense of it finds it here.
    this.#storage.setItem(`${this.#key}:unreadable`, text);
    this.#onProblem('unreadable');
    return { ...NOTHING, text };
  }

  #write(): void {
    const before = this.#read();
    const own = this.#kept().flatMap((message) => toStored(message) ?? []);
    const messages = mergeInOrder(before.messages, own);
    const entries = messages.map((message) => JSON.stringify(message));
    const bound = firstThatFits(entries);
    for (let first = bound; ; first += Math.ceil((entries.length - first) / 2)) {
      const isTrimmed = before.isTrimmed || first > 0;
      const kept = entries.slice(first);
      const text = `[${(isTrimmed ? [TRIMMED, ...kept] : kept).join()}]`;
      try {
        if (kept.length > 0 && text !== before.text) {
          this.#storage.setItem(this.#key, text);
          this.#stored = { text, messages: messages.slice(first), isTrimmed };
        }
        return this.#onProblem(first > bound ? 'full' : undefined);
      } catch (error) {
        if (storageProblemOf(error) !== 'full' || kept.length <= 1) throw error;
      }
    }
  }

  #try<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#onProblem(error instanceof NewerForm ? 'newer' : storageProblemOf(error));
      return undefined;
    }
  }
}

class NewerForm extends Error {}

/** @returns the index of the first entry that is stored; those before it are too many */
function firstThatFits(entries: readonly string[]): number {
  let first = entries.length;
  let characters = 0;
  while (first > 0 && entries.length - first < MAX_STORED) {
    characters += (entries[first - 1]?.length ?? 0) + 1;
    if (characters > MAX_CHARACTERS) break;
    first -= 1;
  }
  return first;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The message with its fields in one order, so that two tabs write the same text. Undefined for anything else. */
function toStored(value: unknown): ChatMessage | undefined {
  const { id, seq, content, sender, timestamp, isSent, sessionId } = (value ?? {}) as Partial<ChatMessage>;
  if (typeof id !== 'string' || typeof content !== 'string' || typeof sender !== 'string') return undefined;
  if (typeof timestamp !== 'number' || !(Math.abs(timestamp) <= MAX_TIME)) return undefined;
  const number = isSeq(seq) ? { seq } : {};
  return { id, ...number, content, sender, timestamp, isSent: isSent === true, sessionId: String(sessionId) };
}
