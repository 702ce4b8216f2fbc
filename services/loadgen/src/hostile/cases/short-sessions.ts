import { setTimeout as delay } from 'node:timers/promises';
import { connectRaw, OPCODE, rawFrame, upgradeHead } from '../raw-socket.js';
import { type CaseLoad, Counts, type HeavyCase } from './heavy-case.js';

/** 200,000 a minute, or as many as the machine allows. */
const PER_SECOND = 3_333;
const AT_ONCE = 64;
const TICK_MS = 10;
const ANSWER_MS = 5_000;

const MESSAGE = rawFrame(OPCODE.text, 'hello');

/** Sessions that are not stored, each with one message: a gateway remembers the count of each (S3). */
export const shortSessions: HeavyCase = {
  about: 'up to 200,000 new unpersisted sessions a minute, each with one message (S3)',
  prepare: async ({ gatewayPort }) => load(gatewayPort),
};

function load(port: number): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    const startedAt = performance.now();
    const underWay = new Set<Promise<void>>();
    let begun = 0;
    while (performance.now() < endsAtMs) {
      const due = ((performance.now() - startedAt) * PER_SECOND) / 1_000;
      for (; begun < due && underWay.size < AT_ONCE; begun++) {
        const one: Promise<void> = chatOnce(port, `short-${begun}`)
          .then((how) => counts.add(how))
          .finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await (underWay.size < AT_ONCE ? delay(TICK_MS) : Promise.race(underWay));
    }
    await Promise.all(underWay);
    return { note: `${counts}`, wrong: counts.of('sessions') === 0 ? ['no session had a message'] : [] };
  };
}

/** A plain member that joins, sends, and leaves when it sees its message. @returns how it went */
function chatOnce(port: number, session: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectRaw(port);
    let text = '';
    const settle = (how: string): void => {
      clearTimeout(timer);
      // No closing handshake, which would keep the port for a minute.
      socket.resetAndDestroy();
      resolve(how);
    };
    const timer = setTimeout(() => settle('not answered'), ANSWER_MS);
    socket.on('data', (data) => {
      if (text === '') socket.write(MESSAGE);
      text += data.toString('latin1');
      if (text.includes('"type":"message"')) settle('sessions');
      else if (text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.1 101'))
        settle(`refused with ${text.slice(9, 12)}`);
    });
    socket.once('close', () => settle('lost'));
    socket.write(upgradeHead({ query: `session=${session}`, framed: false }));
  });
}
