import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { ProcessMetrics } from './create-metrics.js';
import type { Descriptors } from './descriptors.js';
import { SCARCE_RESOURCES, type ScarceResource } from './metric-labels.js';

const TICK_MS = 1_000;
/** Open descriptors are looked at in each of so many ticks. */
const LOOK_EVERY = 5;
/** A line about one resource is written at most once in this time, milliseconds. */
const LOG_EVERY_MS = 60_000;
/** What lasts for so long is told by `/readyz`, milliseconds. */
const LASTING_MS = 10_000;
/** Part of the container's memory, and of V8's heap, above which new members are refused. */
const MEMORY_PART = 0.9;
const MIB = 1_048_576;

/** Whom a process refuses: nobody, new members, or also those that come back. */
type Refused = 0 | 1 | 2;

/**
 * From which use on members are refused, and below which they are no longer: the two differ, so that nothing flaps. 1 is
 * the limit of a resource. Members that come back have messages to lose (B5): they are refused later than new ones, and
 * never because the event loop is late, as it is when very many come back at once.
 */
const THRESHOLDS: Readonly<Record<ScarceResource, readonly { readonly from: number; readonly until: number }[]>> = {
  descriptors: [
    { from: 1, until: 0 },
    { from: 1.5, until: 1 },
  ],
  memory: [
    { from: 1, until: 0.95 },
    { from: 1.05, until: 1 },
  ],
  event_loop: [{ from: 1, until: 0.5 }],
};

const SHORT_OF: Readonly<Record<ScarceResource, string>> = {
  descriptors: 'file descriptors',
  memory: 'memory',
  event_loop: 'time, because the event loop is late',
};

export interface ProcessLoadOptions {
  readonly logger: { warn(fields: object, text: string): void; info(fields: object, text: string): void };
  readonly metrics: ProcessMetrics;
  readonly descriptors: Descriptors;
  /** Milliseconds; 0 is no limit. */
  readonly eventLoopLagMs: number;
  /** Absent: the container's limit counts, where there is one; 0 is no limit. */
  readonly memoryBytes: number | undefined;
  /** Default: that of this process. */
  readonly memory?: MemoryUse;
  /** A monotonic clock, milliseconds. */
  readonly nowMs?: () => number;
}

/** The part of `/readyz` that tells of a lasting overload. */
export interface LoadReadiness {
  /** Whether not even members that come back are taken. */
  readonly full: boolean;
  /** What the process has been short of for ten seconds. */
  readonly overloaded?: ScarceResource;
}

/**
 * Tells whether this process is short of file descriptors, memory or time, so that it refuses more work before it falls
 * behind (B7). Nothing is done to connections that are open.
 */
export class ProcessLoad {
  readonly #options: ProcessLoadOptions;
  readonly #memory: MemoryUse;
  readonly #nowMs: () => number;
  readonly #states: Readonly<Record<ScarceResource, { refused: Refused; sinceMs: number; loggedMs: number }>>;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;

  constructor(options: ProcessLoadOptions) {
    this.#options = options;
    this.#memory = options.memory ?? processMemory(options.memoryBytes);
    this.#nowMs = options.nowMs ?? (() => performance.now());
    const fresh = () => ({ refused: 0 as Refused, sinceMs: 0, loggedMs: Number.NEGATIVE_INFINITY });
    this.#states = { descriptors: fresh(), memory: fresh(), event_loop: fresh() };
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What the process is too short of to take a member or a request; undefined when it takes it. */
  shortage(isReturning: boolean): ScarceResource | undefined {
    // Descriptors can all be taken within a moment: they are looked at each time.
    this.#note('descriptors', this.#descriptorUse());
    return SCARCE_RESOURCES.find((resource) => this.#states[resource].refused > (isReturning ? 1 : 0));
  }

  readiness(): LoadReadiness {
    const longAgoMs = this.#nowMs() - LASTING_MS;
    const lasting = SCARCE_RESOURCES.filter((resource) => {
      const { refused, sinceMs } = this.#states[resource];
      return refused > 0 && sinceMs <= longAgoMs;
    });
    const [overloaded] = lasting.toSorted((a, b) => this.#states[b].refused - this.#states[a].refused);
    if (overloaded === undefined) return { full: false };
    return { full: this.#states[overloaded].refused === 2, overloaded };
  }

  /** Looks at everything. Called once a second. */
  tick(): void {
    const { metrics, descriptors, eventLoopLagMs } = this.#options;
    if (this.#ticks % LOOK_EVERY === 0) void descriptors.look();
    this.#ticks += 1;
    this.#note('descriptors', this.#descriptorUse());
    this.#note('memory', this.#memory());
    this.#note('event_loop', eventLoopLagMs === 0 ? 0 : metrics.loopDelayMs() / eventLoopLagMs);
  }

  /** 1 when few are left, 1.5 when half of these are. */
  #descriptorUse(): number {
    const { free, last } = this.#options.descriptors;
    return free === Number.POSITIVE_INFINITY ? 0 : 2 - free / last;
  }

  #note(resource: ScarceResource, use: number): void {
    const state = this.#states[resource];
    const refused = refusedAt(resource, use, state.refused);
    if (refused === state.refused) return;
    const { logger, metrics } = this.#options;
    const nowMs = this.#nowMs();
    const began = state.refused === 0;
    state.refused = refused;
    metrics.overload(resource, refused);
    if (began) {
      state.sinceMs = nowMs;
      if (nowMs - state.loggedMs < LOG_EVERY_MS) return;
      state.loggedMs = nowMs;
      const text = `Short of ${SHORT_OF[resource]}: new members and requests are refused as long as that lasts`;
      logger.warn({ resource, use }, text);
    } else if (refused === 0 && state.loggedMs === state.sinceMs) {
      logger.info({ resource }, `No longer short of ${SHORT_OF[resource]}`);
    }
  }
}

function refusedAt(resource: ScarceResource, use: number, before: Refused): Refused {
  const levels = THRESHOLDS[resource].filter(
    ({ from, until }, level) => use >= from || (before > level && use > until),
  );
  return Math.min(levels.length, 2) as Refused;
}

/** Tells how much of the memory is in use; 1 is the limit. */
export type MemoryUse = () => number;

/**
 * The memory of this process, beside what it may have: its limit, and the end of V8's heap, at which the process would
 * die. What V8 keeps without using it does not count: it serves the next member.
 *
 * @param limitBytes 0: no limit; absent: most of the container's memory, where that is limited
 */
function processMemory(limitBytes = containerLimit()): MemoryUse {
  let resident = 0;
  return () => {
    const { used_heap_size: heap, total_heap_size: heapTotal, heap_size_limit: heapLimit } = getHeapStatistics();
    resident = residentBytes() ?? resident;
    const inUse = resident - (heapTotal - heap);
    return Math.max(limitBytes === 0 ? 0 : inUse / limitBytes, heap / (heapLimit * MEMORY_PART));
  };
}

/** Undefined while there is no file descriptor to read it with. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** Bytes; 0 where the container's memory is not limited, or there is none. */
function containerLimit(): number {
  const limit = process.constrainedMemory() ?? 0;
  return limit > MIB && limit < totalmem() ? limit * MEMORY_PART : 0;
}
