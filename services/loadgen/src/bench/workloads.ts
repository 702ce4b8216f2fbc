import type { TargetName } from './targets.js';

/** Members exchange messages. CPU per delivery is measured. */
export interface MessagesWorkload {
  readonly kind: 'messages';
  readonly sessions: number;
  /** Members of each session. */
  readonly members: number;
  readonly load: /** Each sender has one message in flight at any time. */
    | { readonly kind: 'closed' /** How many members send. */; readonly senders: 'all' | number }
    | { readonly kind: 'open' /** Messages a second of all members together. */; readonly perSecond: number };
  readonly targets: readonly TargetName[];
}

/** Members are connected and silent. Memory is measured. */
export interface IdleWorkload {
  readonly kind: 'idle';
  readonly connections: number;
  /** Members of each session. */
  readonly members: number;
  /** How long the members rest before the last measurement, at most. */
  readonly restSeconds: number;
  readonly targets: readonly TargetName[];
}

/**
 * A gateway dies, and its members resume at another. Measured are how long that takes, and what the members there feel.
 */
export interface ReconnectWorkload {
  readonly kind: 'reconnect';
  /** Connections of the gateway that dies. */
  readonly connections: number;
  /** Members of each session there. */
  readonly members: number;
  /** Messages a second of all of them together, until the gateway dies. */
  readonly perSecond: number;
  /** Members of some of the same sessions on the gateway that stays. They chat all the time. */
  readonly staying: { readonly sessions: number; readonly members: number; readonly perSecond: number };
  readonly targets: readonly TargetName[];
}

/** Members and sessions come and go. Measured is whether memory grows. */
export interface ChurnWorkload {
  readonly kind: 'churn';
  /** How many members are connected on average. */
  readonly connections: number;
  /** How many members a session has room for. */
  readonly members: number;
  /** How long a member stays on average. */
  readonly memberSeconds: number;
  /** How long a session is used on average. */
  readonly sessionSeconds: number;
  /** Messages a second of all members together. */
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
  // In the end the members that moved and those that stayed are 19,800 on one gateway, as above.
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

/** The workloads that run by default: all but `churn`, which takes an hour. */
export const USUAL_WORKLOADS = (Object.keys(WORKLOADS) as WorkloadName[]).filter((name) => name !== 'churn');
