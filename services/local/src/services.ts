import { join } from 'node:path';
import type { Backend } from './gateway-pool.js';
import type { ServiceLog } from './service-log.js';
import { SupervisedProcess } from './supervised-process.js';

/** A service's two ports on 127.0.0.1. */
export interface ServicePorts {
  readonly port: number;
  readonly adminPort: number;
}

/** Whether `/readyz` of an admin port says 200. */
export async function isReady(adminPort: number): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal: AbortSignal.timeout(2_000) });
  return status === 200;
}

export function backendOf(name: string, { port, adminPort }: ServicePorts): Backend {
  return { name, port, isReady: () => isReady(adminPort) };
}

export interface ServiceOptions {
  /** The name in lines for the operator, such as `gateway 1`. */
  readonly name: string;
  /** Path from the repository's root. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Every pair of ports that must be ready. The first pair is given to the process as its own. */
  readonly ports: readonly ServicePorts[];
  readonly env: Readonly<Record<string, string>>;
  readonly root: string;
  readonly log: ServiceLog;
  readonly say: (line: string) => void;
}

/** Makes a process of a built service, which listens on 127.0.0.1. */
export function serviceProcess(options: ServiceOptions): SupervisedProcess {
  const { name, script, args = [], ports, env, root, log, say } = options;
  const [own] = ports;
  const address = { HOST: '127.0.0.1', PORT: String(own?.port ?? 0) };
  const admin = { ADMIN_HOST: '127.0.0.1', ADMIN_PORT: String(own?.adminPort ?? 0) };
  return new SupervisedProcess({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', join(root, script), ...args],
    env: { ...env, ...address, ...admin },
    cwd: root,
    log,
    say,
    isReady: async () => (await Promise.all(ports.map(({ adminPort }) => isReady(adminPort)))).every(Boolean),
  });
}
