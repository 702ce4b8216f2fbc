import { setTimeout as delay } from 'node:timers/promises';
import { FramedSocket } from '../framed-socket.js';
import { OPCODE, rawFrame } from '../raw-socket.js';
import { type CaseLoad, Counts, type HeavyCase, memberQuery } from './heavy-case.js';

const CONNECTIONS = 1_000;
/** Together one MB a connection. Each content is too large to be stored (C6), so that only what is held counts. */
const FRAMES = 10;
const FRAME_BYTES = 100_000;
/** From the beginning of one wave to that of the next, at least. */
const WAVE_MS = 5_000;
const ANSWER_MS = 15_000;

const FRAME = rawFrame(OPCODE.text, JSON.stringify({ type: 'send', id: 'early', content: 'x'.repeat(FRAME_BYTES) }));
const BURST = Buffer.concat(Array.from({ length: FRAMES }, () => FRAME));

/** Connections that send as soon as they are connected, without waiting for their welcome. */
export const earlyFrames: HeavyCase = {
  about: '1,000 connections at once send 1 MB each before their welcome, every 5 s',
  prepare: async ({ gatewayPort }) => load(gatewayPort),
};

function load(port: number): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    let waves = 0;
    do {
      const nextMs = performance.now() + WAVE_MS;
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => sendEarly(port, `early-${index}`, counts)));
      waves += 1;
      await delay(Math.max(0, Math.min(nextMs, endsAtMs) - performance.now()));
    } while (performance.now() < endsAtMs);
    return { note: `${counts}; ${waves} waves`, wrong: [] };
  };
}

/** Sends at once, and stays until its last frame was answered, or it was closed. */
function sendEarly(port: number, session: string, counts: Counts): Promise<void> {
  return new Promise((resolve) => {
    let answers = 0;
    const settle = (how: string): void => {
      clearTimeout(timer);
      counts.add(how);
      socket.end();
      resolve();
    };
    const timer = setTimeout(() => settle('not answered'), ANSWER_MS);
    const socket: FramedSocket = new FramedSocket(port, memberQuery(session, 'early'), {
      open: () => socket.sendRaw(BURST),
      frame: ({ type }) => {
        if (type === 'error') answers += 1;
        if (answers === FRAMES) settle('answered in full');
      },
      ended: (code, refusal) => settle(refusal ? `refused with ${refusal.status}` : `closed with ${code || 'no code'}`),
    });
  });
}
