import { type Adapter, fill } from '../adapter.js';
import { FrameSocket, type FrameSocketEvents } from './frame-socket.js';

/** What a member does and where. */
export interface MemberPlan {
  readonly number: number;
  readonly session: string;
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  /** Whether it looks into its frames. The other members only count them. */
  readonly reads: boolean;
  /** Whether it also checks the order and completeness of what it gets. */
  readonly checks: boolean;
  /** Leaves it out of loads at a fixed rate. */
  readonly silent?: true;
  /**
   * The port on the same host where it resumes after its connection broke. Without it a broken connection is a failure.
   */
  readonly returnsTo?: number;
}

/** What the members of one process share: counters, and what they report. */
export interface LoadContext {
  readonly adapter: Adapter;
  delivered: number;
  acknowledged: number;
  sent: number;
  /** A member is in its session. */
  ready(): void;
  /** A connection could not be made, or broke for good. */
  failed(reason: string): void;
  /** A member's own message was delivered to it or acknowledged. */
  cameBack(member: Member): void;
}

/** One member of the load, as its process sees it. */
export interface Member {
  readonly number: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  /** The first error in what it received. */
  readonly problem: string | undefined;
  /** Whether its session had messages already when it joined. */
  readonly joinedLate?: boolean;
  /** @param dueUs when the message is due, from which its latency is counted; see `nowUs` */
  send(dueUs: number): void;
  end(): void;
}

/** Opens a member's connection. @param query what follows the adapter's query, such as `&last_seq=5` */
export function connectMember(
  { number, session, host, localAddress }: Omit<MemberPlan, 'reads' | 'checks'>,
  port: number,
  { path, subprotocol }: Adapter,
  events: FrameSocketEvents,
  query = '',
): FrameSocket {
  return new FrameSocket(
    {
      host,
      port,
      path: fill(path, { session, member: String(number).padStart(16, '0') }) + query,
      ...(subprotocol !== undefined && { subprotocol }),
      ...(localAddress !== undefined && { localAddress }),
    },
    events,
  );
}

/**
 * Members per local address. To find a free port the kernel tries the ports of an address one after the other, which
 * takes longer than anything else once thousands are taken.
 */
const PER_ADDRESS = 250;

/** The loopback address that a member connects from: many addresses, so that none runs out of ports. */
export function localAddressOf(number: number): string {
  const index = Math.floor(number / PER_ADDRESS);
  return `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}
