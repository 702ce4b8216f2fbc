import type { Socket } from 'node:net';
import { connectRaw, OPCODE, rawFrame, upgradeHead, upgradeRaw } from './raw-socket.js';

/** Where the attacks go. */
export interface AttackTarget {
  readonly gatewayPort: number;
  readonly apiPort: number;
  /** Prefix of every session that the attacks use. */
  readonly prefix: string;
}

/** What one attack has done and met. */
export interface AttackCount {
  /** How often it was carried out. */
  done: number;
  /** Connections that the server refused or lost before they were open. */
  refused: number;
  /** Connections whose end the attacker has seen; one that does not read sees none. */
  ended: number;
}

/** One attack, which is carried out again and again. */
export interface Attack {
  /** Between two of them, milliseconds. */
  readonly everyMs: number;
  /** How long each holds its connection, milliseconds. */
  readonly holdMs: number;
  /** @returns the connection; nothing when there is none */
  carryOut(target: AttackTarget, number: number): Promise<Socket | undefined>;
}

const PINGS = Buffer.concat(Array.from({ length: 20_000 }, () => rawFrame(OPCODE.ping, 'x'.repeat(125))));
const SIGNAL = rawFrame(OPCODE.text, JSON.stringify({ type: 'signal', name: 'typing', data: 'x'.repeat(500) }));
const SIGNALS = Buffer.concat(Array.from({ length: 3_000 }, () => SIGNAL));
const EMPTY = Buffer.concat(Array.from({ length: 500 }, () => rawFrame(OPCODE.text, '')));
/** A head above the limit of H5. */
const GIANT_HEADERS = Array.from({ length: 40 }, (_, line) => `X-Filling-${line}: ${'x'.repeat(500)}`);
const GIANT_PIECES = 16;
/** Size of the messages of the session that unread sockets listen to. */
const BUSY_BYTES = 8_000;
const UNFINISHED_BYTES = 100_000;
const FRAGMENTS = 1_000;

/** What a client may send that is no message, one of them each time. */
const ODD_BYTES: readonly Buffer[] = [
  SIGNALS,
  EMPTY,
  rawFrame(OPCODE.text, Buffer.of(0xff, 0xfe)),
  rawFrame(OPCODE.binary, Buffer.alloc(1_000, 0xff)),
  // A frame that never ends, and a message whose last fragment never comes.
  rawFrame(OPCODE.text, Buffer.alloc(UNFINISHED_BYTES)).subarray(0, UNFINISHED_BYTES - 1),
  Buffer.concat([
    rawFrame(OPCODE.text, 'x', { final: false }),
    ...Array.from({ length: FRAGMENTS }, () => rawFrame(OPCODE.continuation, 'x'.repeat(50), { final: false })),
  ]),
  // Frames behind the close frame.
  Buffer.concat([rawFrame(OPCODE.close, ''), SIGNALS]),
  rawFrame(OPCODE.text, 'x'.repeat(600_000)),
  Buffer.concat(Array.from({ length: 5_000 }, () => rawFrame(OPCODE.pong, ''))),
  Buffer.concat(Array.from({ length: 1_000 }, () => rawFrame(OPCODE.text, '{"type":"ping"}'))),
];

const busySession = ({ prefix }: AttackTarget): string => `session=${prefix}-busy&redis_persistence=true`;

/** Every attack of the hostile hour, by its name. */
export const ATTACKS = {
  pings: {
    everyMs: 500,
    holdMs: 5_000,
    carryOut: async ({ gatewayPort: port, prefix }, number) => {
      const socket = await upgradeRaw({ port, query: `session=${prefix}-pings-${number % 10}`, framed: true });
      socket?.pause();
      socket?.write(PINGS);
      return socket;
    },
  },
  'odd frames': {
    everyMs: 500,
    holdMs: 5_000,
    carryOut: async ({ gatewayPort: port, prefix }, number) => {
      const query = `session=${prefix}-odd-${number % 10}&presence=true`;
      const socket = await upgradeRaw({ port, query, framed: number % 3 > 0 });
      // Half of them do not read the answers.
      if (number % 2 === 0) socket?.pause();
      else socket?.resume();
      socket?.write(ODD_BYTES[number % ODD_BYTES.length] ?? EMPTY);
      return socket;
    },
  },
  'unread members': {
    everyMs: 1_000,
    holdMs: 30_000,
    carryOut: async (target, number) => {
      const query = `${busySession(target)}${number % 2 === 0 ? '&last_seq=0' : ''}`;
      const socket = await upgradeRaw({ port: target.gatewayPort, query, framed: number % 4 > 0 });
      socket?.pause();
      return socket;
    },
  },
  'large messages': {
    everyMs: 1_000,
    holdMs: 1_000,
    carryOut: async (target) => {
      const socket = await upgradeRaw({ port: target.gatewayPort, query: busySession(target), framed: false });
      socket?.resume();
      for (let message = 0; message < 10; message++) socket?.write(rawFrame(OPCODE.text, 'x'.repeat(BUSY_BYTES)));
      return socket;
    },
  },
  'half-open': {
    everyMs: 200,
    holdMs: 60_000,
    // A link that is cut without a word: nothing is read, sent or closed.
    carryOut: async ({ gatewayPort: port, prefix }, number) => {
      const query = `session=${prefix}-half-${number % 50}&redis_persistence=true`;
      const socket = await upgradeRaw({ port, query, framed: number % 2 === 0 });
      socket?.pause();
      return socket;
    },
  },
  'unfinished heads': {
    everyMs: 200,
    holdMs: 60_000,
    carryOut: async ({ gatewayPort, apiPort }, number) => {
      const socket = connectRaw(number % 4 === 0 ? apiPort : gatewayPort);
      socket.write('GET /ws/chat/?session=x HTTP/1.1\r\nHost: localhost\r\n');
      return socket.resume();
    },
  },
  'giant heads': {
    everyMs: 200,
    holdMs: 2_000,
    carryOut: async ({ gatewayPort, apiPort, prefix }, number) => {
      const socket = connectRaw(number % 4 === 0 ? apiPort : gatewayPort);
      const head = upgradeHead({ query: `session=${prefix}-giant`, framed: true }, GIANT_HEADERS);
      socket.setNoDelay(true);
      if (number % 2 === 0) socket.write(head);
      else sendInPieces(socket, head, Math.ceil(head.length / GIANT_PIECES));
      return socket.resume();
    },
  },
  'unread answers': {
    everyMs: 1_000,
    holdMs: 20_000,
    carryOut: async ({ gatewayPort, apiPort, prefix }, number) => {
      const socket = connectRaw(number % 4 === 0 ? gatewayPort : apiPort);
      socket.pause();
      socket.write(`GET /api/sessions/${prefix}-busy/messages/ HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(20));
      return socket;
    },
  },
  'new sessions': {
    // 300 a second.
    everyMs: 1_000 / 300,
    holdMs: 200,
    carryOut: async ({ gatewayPort: port, prefix }, number) => {
      const query = `session=${prefix}-new-${number}&redis_persistence=true`;
      const socket = await upgradeRaw({ port, query, framed: number % 2 === 0 });
      socket?.resume();
      return socket;
    },
  },
} as const satisfies Record<string, Attack>;

export type AttackName = keyof typeof ATTACKS;

function sendInPieces(socket: Socket, text: string, length: number): void {
  if (socket.destroyed || text.length === 0) return;
  socket.write(text.slice(0, length), () => setImmediate(() => sendInPieces(socket, text.slice(length), length)));
}
