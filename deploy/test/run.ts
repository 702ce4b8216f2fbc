import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The folder `deploy/`, with a slash at its end. */
export const DEPLOY = fileURLToPath(new URL('../', import.meta.url));
/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Ran {
  readonly code: number;
  /** Standard output followed by standard error. */
  readonly output: string;
}

/** Runs a program in `deploy/` and waits for its end. It does not reject when the program fails. */
export function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { cwd: DEPLOY, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}
