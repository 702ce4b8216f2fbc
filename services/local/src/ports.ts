import { createServer } from 'node:net';
import { lockPort, unlockPort } from './port-lock.js';

/** A port for a part of the system. */
export interface ChosenPort {
  readonly port: number;
  /** The one it would have by default was taken. */
  readonly instead: boolean;
}

/**
 * Chooses ports of 127.0.0.1: the wanted ones where they are free, others where not. They are reserved against other
 * systems of this machine; another program may take one before it is used, and then its service fails to start.
 * Give them free with {@link releasePorts} when the system has stopped.
 */
export async function choosePorts(wanted: readonly number[]): Promise<ChosenPort[]> {
  const chosen: ChosenPort[] = [];
  for (const port of wanted) {
    if (await reserve(port)) chosen.push({ port, instead: false });
    else chosen.push({ port: await anyPort(), instead: true });
  }
  return chosen;
}

export function releasePorts(chosen: readonly ChosenPort[]): void {
  for (const { port } of chosen) unlockPort(port);
}

/** Reserved first and looked at then: what is reserved stays as it was found. */
async function reserve(port: number): Promise<boolean> {
  if (!lockPort(port)) return false;
  if ((await listen(port)) !== undefined) return true;
  unlockPort(port);
  return false;
}

async function anyPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = await listen(0);
    if (port !== undefined && lockPort(port)) return port;
  }
  throw new Error('there is no free port left on this machine');
}

/** Listens for a moment. @returns on which port; nothing when the port is taken */
function listen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const own = address === null || typeof address === 'string' ? undefined : address.port;
      server.close(() => resolve(own));
    });
  });
}
