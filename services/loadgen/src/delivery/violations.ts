/** Every kind of violation, with its meaning. */
export const VIOLATIONS = {
  lost: 'accepted, and not in the history',
  stored_twice: 'more than once in the history',
  renumbered: 'accepted under another number than the history has',
  history_gap: 'a number is missing in the history',
  history_changed: 'the history says something else under a number than before',
  altered: 'stored with another content than was sent',
  foreign: 'in the history, or shown, and sent by nobody',
  never_accepted: 'neither accepted nor refused',
  refused_but_stored: 'refused for good, and in the history all the same',
  never_connected: 'a member never got in',
  missed: 'stored, and not shown to a member',
  shown_twice: 'shown to a member more than once',
  shown_not_stored: 'shown to a member, and not in the history',
  out_of_order: 'shown to a member in another order than the history has',
  wrong_number: 'shown to a member under another number than the history has',
  skipped: 'a member was told that a message will not come, and the history has it',
  wire_gap: 'a number was left out on one connection (V2)',
  wire_double: 'a number came twice, or too late, on one connection (R1)',
  unrecovered: 'a resume was answered with recovered:false although everything was there (R2)',
} as const;

export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  readonly kind: ViolationKind;
  readonly sessionId: string;
  /** The member's number in the check, from 0. */
  readonly member?: number;
  /** The messages and numbers that show it. */
  readonly detail: string;
}

/** How many violations of each kind are kept; further ones are only counted. */
const KEPT_PER_KIND = 20;

/** Collects violations. Its size is limited, even if a system does everything wrong. */
export class Violations {
  readonly kept: Violation[] = [];
  readonly #counts = new Map<ViolationKind, number>();

  add(violation: Violation): void {
    const count = (this.#counts.get(violation.kind) ?? 0) + 1;
    this.#counts.set(violation.kind, count);
    if (count <= KEPT_PER_KIND) this.kept.push(violation);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  counts(): Partial<Record<ViolationKind, number>> {
    return Object.fromEntries(this.#counts);
  }
}
