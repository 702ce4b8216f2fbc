import { createServer } from 'node:net';

/** A port for a part of the system. */
export interface ChosenPort {
  readonly port: number;
  /** The one it would have by default was taken. */
  readonly instead: boolean;
}

/**
 * Chooses ports of 127.0.0.1: the wanted ones where they are free, others where not. They may be taken before they
 * are used; what listens there then fails to start and is started again.
 */
export async function choosePorts(wanted: readonly number[]): Promise<ChosenPort[]> {
  const held: ReturnType<typeof createServer>[] = [];
  try {
    const chosen: ChosenPort[] = [];
    // One after the other, all held until the end: no port is given twice.
    for (const port of wanted) {
      const preferred = await listen(port);
      const server = preferred ?? (await listen(0));
      if (!server) throw new Error('the system has no free port left');
      held.push(server);
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the port has no number');
      chosen.push({ port: address.port, instead: preferred === undefined });
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function listen(port: number): Promise<ReturnType<typeof createServer> | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
