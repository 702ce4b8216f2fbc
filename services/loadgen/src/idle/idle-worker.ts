import { FRAMED_PROTOCOL } from '@holdfast/protocol';
import { type ClientOptions, WebSocket } from 'ws';

/** What a child process is to open. */
export interface IdleTask {
  readonly url: string;
  readonly count: number;
  /** Connections a second. */
  readonly rate: number;
  /** The sessions of its connections, each for {@link members} of them. */
  readonly sessionPrefix: string;
  readonly members: number;
  readonly persistence: boolean;
  /** Where its connections come from: an address has 28,000 ports or so for one server. */
  readonly localAddress: string | undefined;
}

/** What a child process tells its parent. */
export interface IdleState {
  /** Welcomed, and not closed since. */
  readonly open: number;
  /** Refused, broken or closed. */
  readonly failed: number;
  /** Of the first one that failed. */
  readonly reason: string | undefined;
}

const TICK_MS = 20;
/** Connections under way at once: a busy machine is given no burst to catch up with. */
const UNDER_WAY_MAX = 50;
const TELL_MS = 200;

let open = 0;
let failed = 0;
let reason: string | undefined;

function connect(task: IdleTask, number: number): void {
  const url = new URL(task.url);
  url.searchParams.set('session', `${task.sessionPrefix}-${Math.floor(number / task.members)}`);
  url.searchParams.set('redis_persistence', String(task.persistence));
  const options: ClientOptions = { perMessageDeflate: false };
  if (task.localAddress !== undefined) options.localAddress = task.localAddress;
  const socket = new WebSocket(url, [FRAMED_PROTOCOL], options);
  let isWelcomed = false;
  socket.once('message', () => {
    isWelcomed = true;
    open += 1;
  });
  socket.on('error', (error) => {
    reason ??= error.message;
  });
  socket.on('close', (code) => {
    reason ??= `closed with ${code}`;
    failed += 1;
    if (isWelcomed) open -= 1;
  });
}

function run(task: IdleTask): void {
  let begun = 0;
  let due = 0;
  const ticker = setInterval(() => {
    const room = UNDER_WAY_MAX - (begun - open - failed);
    due = Math.min(due + (task.rate * TICK_MS) / 1_000, begun + room, task.count);
    for (; begun + 1 <= due; begun++) connect(task, begun);
    if (begun === task.count) clearInterval(ticker);
  }, TICK_MS);
  setInterval(() => {
    // The parent may be gone a moment before this process learns of it.
    if (process.connected) process.send?.({ open, failed, reason } satisfies IdleState, () => undefined);
  }, TELL_MS);
}

process.once('message', run);
// The parent has ended, or has seen enough. No goodbyes: thousands of closed sockets would keep their ports.
process.once('disconnect', () => process.exit());
