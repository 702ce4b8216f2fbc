// Installs the npm packages of package-lock.json, when others or none are installed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, SetupError } from './run.js';

/**
 * Compares this Node with the oldest one that package.json names in `engines`, as `>=MAJOR.MINOR`.
 *
 * @param {string} root the repository
 * @param {string} [version] default: that of this process
 * @throws {SetupError} when this Node is older
 */
export function requireNode(root, version = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const oldest = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(`Holdfast needs Node ${oldest} or newer; this is Node ${version}.`);
}

/**
 * Runs `npm ci` when a package of the lock file is absent or has another version.
 *
 * @param {string} root the repository
 * @param {(line: string) => void} say
 * @throws {SetupError} when npm fails
 */
export async function ensureNodeModules(root, say) {
  const reason = whatIsMissing(root);
  if (reason === undefined) return;
  say(`Installing npm packages (${reason}) ...`);
  const { code } = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
  if (code !== 0) throw new SetupError(`npm ci failed (exit code ${code}); see its messages above.`);
}

/**
 * Compares the installed packages with the lock file, one by one. File times would say little after a checkout.
 *
 * @param {string} root
 * @returns {string | undefined} why something has to be installed
 */
export function whatIsMissing(root) {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'none are there yet';
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedFile);
  for (const [path, entry] of Object.entries(wanted)) {
    // Links are the workspace's own packages. Which optional packages are installed depends on the machine.
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
    if (entry.link || entry.optional || entry.devOptional || entry.peer) continue;
    if (plain(installed[path]?.version) !== plain(entry.version)) {
      return `${path.slice(path.lastIndexOf('node_modules/') + 13)} is not the version of package-lock.json`;
    }
  }
  for (const [path, entry] of Object.entries(wanted)) {
    if (entry.link && !existsSync(join(root, path))) return `${path} is not linked`;
  }
  return undefined;
}

/** Some packages call themselves "v1.2.3", which the lock file writes without the letter. */
function plain(version) {
  return version?.replace(/^v/, '');
}

/** @returns {Record<string, { version?: string, link?: boolean, optional?: boolean, devOptional?: boolean, peer?: boolean }>} */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}
