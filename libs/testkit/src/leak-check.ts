import { createHook } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DeadlineError, eventually } from './deadline.js';

const run = promisify(execFile);

/** Finds what a test leaves behind: resources that keep the process alive, and child processes. */
export interface LeakCheck {
  /**
   * Waits until everything that was opened since the start is closed.
   *
   * @throws Error naming what is left: sockets, servers and timers with the place in the code that opened them,
   *   processes with their commands
   */
  assertNone(graceMs?: number): Promise<void>;
  /** Ends the recording. */
  stop(): void;
}

/** Node's types of asynchronous resources that live until they are closed, with their names in messages. */
const KINDS = new Map([
  ['Timeout', 'timer'],
  ['TCPWRAP', 'TCP socket'],
  ['TCPSERVERWRAP', 'TCP server'],
  ['PIPEWRAP', 'pipe'],
  ['PIPESERVERWRAP', 'pipe server'],
  ['UDPWRAP', 'UDP socket'],
  ['PROCESSWRAP', 'process handle'],
  ['FSEVENTWRAP', 'file watcher'],
  ['WORKER', 'worker'],
]);

/** The test runner's own timers and channels are no leaks. */
const RUNNER = /node_modules\/(?:vitest|@vitest|tinypool)\//;

interface Resource {
  readonly kind: string;
  readonly origin: string;
  /** Only timers have it. A timer without a reference keeps nothing alive. */
  readonly hasRef: (() => boolean) | undefined;
}

/**
 * Records what this process opens from now on, with the place in the code, and which child processes it has already.
 */
export async function startLeakCheck(): Promise<LeakCheck> {
  const childrenBefore = new Set((await childProcesses()).keys());
  const open = new Map<number, Resource>();
  let looking = false;
  const hook = createHook({
    init(id, type, _trigger, resource: { hasRef?: () => boolean }) {
      const kind = KINDS.get(type);
      if (!kind || looking) return;
      const origin = callSite();
      if (RUNNER.test(origin)) return;
      open.set(id, { kind, origin, hasRef: resource.hasRef?.bind(resource) });
    },
    destroy(id) {
      open.delete(id);
    },
  }).enable();

  const leftover = async (): Promise<string[]> => {
    const found = [...open.values()]
      .filter((resource) => resource.kind !== 'timer' || resource.hasRef?.() !== false)
      .map((resource) => `${resource.kind} opened ${resource.origin}`);
    for (const [pid, command] of await childProcesses()) {
      if (!childrenBefore.has(pid)) found.push(`process ${pid}: ${command}`);
    }
    return found;
  };

  return {
    async assertNone(graceMs = 30_000) {
      let last: string[] = [];
      // The check opens resources itself while it looks. These are not recorded.
      looking = true;
      try {
        await eventually(
          'nothing to be left',
          async () => {
            last = await leftover();
            return last.length === 0;
          },
          { timeoutMs: graceMs },
        );
      } catch (error) {
        if (!(error instanceof DeadlineError)) throw error;
        throw new Error(`left behind:\n  ${last.join('\n  ')}`);
      } finally {
        looking = false;
      }
    },
    stop() {
      hook.disable();
    },
  };
}

/** The innermost line of the stack that is neither in Node nor in this file. */
function callSite(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const outer = frames.filter((frame) => !frame.includes('node:') && !/leak-check\.[jt]s:/.test(frame));
  return outer[0]?.trim() ?? 'by Node itself';
}

/**
 * The commands of this process's children and of their children, by process id. The `ps` that lists them is left out.
 */
export async function childProcesses(root: number = process.pid): Promise<Map<number, string>> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,stat=,args=']);
  const rows = stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid && parent && state && command !== undefined
      ? [{ pid: Number(pid), parent: Number(parent), state, command }]
      : [];
  });
  const found = new Map<number, string>();
  const parents = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const row of rows) {
      if (!parents.has(row.parent) || parents.has(row.pid)) continue;
      parents.add(row.pid);
      grew = true;
      // A zombie has ended, and its parent has not asked for its exit code yet.
      if (!row.state.startsWith('Z') && !row.command.startsWith('ps -A -o')) found.set(row.pid, row.command);
    }
  }
  return found;
}
