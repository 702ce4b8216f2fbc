import type { TargetName } from './targets.js';

/** Members that exchange messages; CPU per delivery is measured. */
export interface MessagesWorkload {
  readonly kind: 'messages';
  readonly sessions: number;
  /** Of each session. */
  readonly members: number;
  readonly load: /** Each sender has one message in flight. */
    | { readonly kind: 'closed' /** Of all members. */; readonly senders: 'all' | number }
    | { readonly kind: 'open' /** Messages of all members. */; readonly perSecond: number };
  readonly targets: readonly TargetName[];
}

/** Members that are connected and silent; memory is measured. */
export interface IdleWorkload {
  readonly kind: 'idle';
  readonly connections: number;
  /** Of each session. */
  readonly members: number;
  readonly restSeconds: number;
  readonly targets: readonly TargetName[];
}

/** A gateway dies, and its members go to another one at once; how long that takes and what others feel is measured. */
export interface ReconnectWorkload {
  readonly kind: 'reconnect';
  /** Of the gateway that dies. */
  readonly connections: number;
  /** Of each session there. */
  readonly members: number;
  /** Messages of them all until then. */
  readonly perSecond: number;
  /** On the gateway that stays: members of some of the same sessions, who chat all the time. */
  readonly staying: { readonly sessions: number; readonly members: number; readonly perSecond: number };
  readonly targets: readonly TargetName[];
}

/** Members and sessions come and go; whether memory grows is measured. */
export interface ChurnWorkload {
  readonly kind: 'churn';
  /** That are connected on average. */
  readonly connections: number;
  /** Places in each session. */
  readonly members: number;
  /** How long a member stays on average. */
  readonly memberSeconds: number;
  /** How long a session is used. */
  readonly sessionSeconds: number;
  /** Messages of them all. */
  readonly perSecond: number;
  readonly targets: readonly TargetName[];
}

export type Workload = MessagesWorkload | IdleWorkload | ReconnectWorkload | ChurnWorkload;

const REFERENCES = ['raw', 'fire-and-forget', 'holdfast'] as const;

export const WORKLOADS = {
  broadcast: {
    kind: 'messages',
    sessions: 1,
    members: 1_000,
    load: { kind: 'closed', senders: 16 },
    targets: REFERENCES,
  },
  chat: {
    kind: 'messages',
    sessions: 400,
    members: 5,
    load: { kind: 'closed', senders: 'all' },
    targets: [...REFERENCES, 'holdfast-two', 'socket.io'],
  },
  'chat-4000': {
    kind: 'messages',
    sessions: 400,
    members: 5,
    load: { kind: 'open', perSecond: 4_000 },
    targets: REFERENCES,
  },
  'chat-20000': {
    kind: 'messages',
    sessions: 400,
    members: 5,
    load: { kind: 'open', perSecond: 20_000 },
    targets: REFERENCES,
  },
  pairs: {
    kind: 'messages',
    sessions: 1_000,
    members: 2,
    load: { kind: 'closed', senders: 'all' },
    targets: REFERENCES,
  },
  // A process may have 20,000 open files.
  idle: {
    kind: 'idle',
    connections: 19_800,
    members: 5,
    restSeconds: 30,
    targets: ['holdfast', 'holdfast-plain'],
  },
  // Those that come and those that stay are 19,800 in the end, as above.
  reconnect: {
    kind: 'reconnect',
    connections: 19_000,
    members: 5,
    perSecond: 1_000,
    staying: { sessions: 200, members: 4, perSecond: 400 },
    targets: ['holdfast-two'],
  },
  churn: {
    kind: 'churn',
    connections: 1_000,
    members: 5,
    memberSeconds: 20,
    sessionSeconds: 60,
    perSecond: 500,
    targets: ['holdfast'],
  },
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof WORKLOADS;

/** What runs when nothing is said: `churn` takes an hour, and is asked for by name. */
export const USUAL_WORKLOADS = (Object.keys(WORKLOADS) as WorkloadName[]).filter((name) => name !== 'churn');
