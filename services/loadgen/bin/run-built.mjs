import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/**
 * Runs a program of this package. Builds the package first if there is no build.
 *
 * @param {string} program path of the program in `dist/`
 */
export async function runBuilt(program) {
  const file = join(root, 'services/loadgen/dist', program);
  if (!existsSync(file)) {
    console.log('Building ...');
    const compiler = join(root, 'node_modules/@typescript/native/bin/tsc');
    const { status } = spawnSync(process.execPath, [compiler, '-b', 'services/loadgen'], {
      cwd: root,
      stdio: 'inherit',
    });
    if (status !== 0) {
      console.error('The build failed; see the messages above. Is everything installed (npm ci)?');
      process.exit(1);
    }
  }
  await import(pathToFileURL(file).href);
}
