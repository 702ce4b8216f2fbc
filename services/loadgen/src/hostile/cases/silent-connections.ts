import type { Socket } from 'node:net';
import { FramedSocket } from '../framed-socket.js';
import { connectRaw } from '../raw-socket.js';
import { type CaseLoad, type CaseTarget, type HeavyCase, inSeconds, memberQuery } from './heavy-case.js';

const OPEN_FILES = 512;
/** Always this many are open or wait to be accepted. */
const CONNECTIONS = 1_000;
const TOP_UP_MS = 100;
const ADMIN_EVERY_MS = 1_000;
const ADMIN_ANSWER_MS = 2_000;
/** Share of the questions to the admin port that may stay without an answer. */
const UNANSWERED_MAX = 0.1;
const NEWCOMER_MS = 30_000;

/** Connections that never say anything take every file descriptor of the gateway. */
export const silentConnections: HeavyCase = {
  about: 'silent connections take all 512 file descriptors of the gateway; its members chat on, its admin port answers',
  openFiles: OPEN_FILES,
  prepare: async (target) => load(target),
};

function load(target: CaseTarget): CaseLoad {
  return async (endsAtMs) => {
    const open = new Set<Socket>();
    let made = 0;
    let asked = 0;
    let unanswered = 0;
    const topUp = setInterval(() => {
      while (open.size < CONNECTIONS) {
        const socket = connectRaw(target.gatewayPort);
        made += 1;
        open.add(socket.resume());
        socket.once('close', () => open.delete(socket));
        socket.once('end', () => socket.destroy());
      }
    }, TOP_UP_MS);
    const admin = setInterval(() => {
      asked += 1;
      void isAnswered(target).then((is) => {
        if (!is) unanswered += 1;
      });
    }, ADMIN_EVERY_MS);
    await new Promise((resolve) => setTimeout(resolve, endsAtMs - performance.now()));
    clearInterval(topUp);
    clearInterval(admin);
    for (const socket of open) socket.destroy();
    const welcomedMs = await newcomer(target.gatewayPort);
    const wrong: string[] = [];
    if (unanswered > asked * UNANSWERED_MAX)
      wrong.push(`the admin port did not answer ${unanswered} of ${asked} times`);
    if (welcomedMs === undefined)
      wrong.push(`nobody was let in ${inSeconds(NEWCOMER_MS)} after the silent ones had gone`);
    const back =
      welcomedMs === undefined ? '' : `; a newcomer was welcomed ${inSeconds(welcomedMs)} after they had gone`;
    return { note: `${made.toLocaleString('en')} silent connections${back}`, wrong };
  };
}

async function isAnswered({ gatewayAdminPort }: CaseTarget): Promise<boolean> {
  const url = `http://127.0.0.1:${gatewayAdminPort}/readyz`;
  // A connection of its own each time: one that was kept open would need no file descriptor.
  const answer = fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(ADMIN_ANSWER_MS) });
  return answer.then(
    () => true,
    () => false,
  );
}

/** @returns milliseconds until somebody new is welcomed, however often that one has to try; nothing when it takes too long */
async function newcomer(port: number): Promise<number | undefined> {
  const startedAt = performance.now();
  const untilMs = startedAt + NEWCOMER_MS;
  while (performance.now() < untilMs) {
    const isIn = await new Promise<boolean>((resolve) => {
      const settle = (is: boolean): void => {
        clearTimeout(timer);
        socket.end();
        resolve(is);
      };
      const timer = setTimeout(() => settle(false), untilMs - performance.now());
      const socket = new FramedSocket(port, memberQuery('newcomer', 'newcomer'), {
        frame: ({ type }) => {
          if (type === 'welcome') settle(true);
        },
        ended: () => setTimeout(() => settle(false), TOP_UP_MS),
      });
    });
    if (isIn) return performance.now() - startedAt;
  }
  return undefined;
}
