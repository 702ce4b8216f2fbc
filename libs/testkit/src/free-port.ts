import { connect, createServer } from 'node:net';

/** Below the ports that the kernel gives to outgoing connections: connections of other tests would soon take those. */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/**
 * A TCP port of 127.0.0.1 that nobody listens on now. Another process may take it before it is used; whoever starts a
 * server on it has to expect that.
 */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no port is free');
  return port;
}

/** Several free ports, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isPortFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Whether this process can listen on a port of 127.0.0.1. */
export async function isPortFree(port: number): Promise<boolean> {
  try {
    await close(await listenOn(port));
    return true;
  } catch {
    return false;
  }
}

/** Whether a server accepts connections on a port of 127.0.0.1. */
export function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (accepts: boolean) => (): void => {
      socket.destroy();
      resolve(accepts);
    };
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });
}

type Listening = ReturnType<typeof createServer>;

function listenOn(port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Listening): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
  });
}
