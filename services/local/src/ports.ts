import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../../scripts/setup/is-running.js';

/** A port for a part of the system. */
export interface ChosenPort {
  readonly port: number;
  /** Whether the wanted port was taken, so that this is another one. */
  readonly instead: boolean;
}

/** Holds one file per reserved port, for all systems of this machine. Each file holds the id of the owning process. */
const RESERVATIONS = join(tmpdir(), 'holdfast-ports');

/**
 * Chooses ports of 127.0.0.1: each wanted one if it is free, otherwise any free one. A chosen port is reserved against
 * other systems of this machine: two systems that start at once would otherwise choose the same port, and one would
 * take the other's service for its own. Another program may still take the port before its service listens; then that
 * service fails to start. Call {@link releasePorts} when the system has stopped.
 */
export async function choosePorts(wanted: readonly number[]): Promise<ChosenPort[]> {
  const chosen: ChosenPort[] = [];
  for (const port of wanted) {
    if (await reserveIfFree(port)) chosen.push({ port, instead: false });
    else chosen.push({ port: await anyPort(), instead: true });
  }
  return chosen;
}

export function releasePorts(chosen: readonly ChosenPort[]): void {
  for (const { port } of chosen) release(port);
}

/** Reserves before it probes, so that no other system takes the port between the two. */
async function reserveIfFree(port: number): Promise<boolean> {
  if (!reserve(port)) return false;
  if ((await probe(port)) !== undefined) return true;
  release(port);
  return false;
}

async function anyPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = await probe(0);
    if (port !== undefined && reserve(port)) return port;
  }
  throw new Error('there is no free port left on this machine');
}

/**
 * Listens on a port for a moment; 0 stands for any free one.
 *
 * @returns the port, or nothing when it is taken
 */
function probe(port: number): Promise<number | undefined> {
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

/** @returns whether this process now owns the port */
function reserve(port: number): boolean {
  const file = reservationOf(port);
  try {
    mkdirSync(RESERVATIONS, { recursive: true });
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    // If the folder cannot be written, no system on this machine can reserve anything: go on without.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return true;
  }
  if (hasOwner(file)) return false;
  rmSync(file, { force: true });
  return reserve(port);
}

function release(port: number): void {
  rmSync(reservationOf(port), { force: true });
}

function reservationOf(port: number): string {
  return join(RESERVATIONS, String(port));
}

/** Whether the process that wrote the reservation still runs; it may be this one. */
function hasOwner(file: string): boolean {
  try {
    return isRunning(Number(readFileSync(file, 'utf8')));
  } catch {
    // The owner has released the port just now.
    return false;
  }
}
