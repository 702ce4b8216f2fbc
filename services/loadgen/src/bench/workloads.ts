import type { TargetName } from './targets.js';

/** A shape of load. */
export interface Workload {
  readonly sessions: number;
  /** Of each session. */
  readonly members: number;
  readonly load: /** Each sender has one message in flight. */
    | { readonly kind: 'closed' /** Of all members. */; readonly senders: 'all' | number }
    | { readonly kind: 'open' /** Messages of all members. */; readonly perSecond: number }
    | { readonly kind: 'none' };
  readonly targets: readonly TargetName[];
}

const REFERENCES = ['raw', 'fire-and-forget', 'holdfast'] as const;

export const WORKLOADS = {
  broadcast: { sessions: 1, members: 1_000, load: { kind: 'closed', senders: 16 }, targets: REFERENCES },
  chat: {
    sessions: 400,
    members: 5,
    load: { kind: 'closed', senders: 'all' },
    targets: [...REFERENCES, 'holdfast-two', 'socket.io'],
  },
  'chat-4000': { sessions: 400, members: 5, load: { kind: 'open', perSecond: 4_000 }, targets: REFERENCES },
  'chat-20000': { sessions: 400, members: 5, load: { kind: 'open', perSecond: 20_000 }, targets: REFERENCES },
  pairs: { sessions: 1_000, members: 2, load: { kind: 'closed', senders: 'all' }, targets: REFERENCES },
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof WORKLOADS;
