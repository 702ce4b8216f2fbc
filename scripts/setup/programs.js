// Finds the programs that npm cannot install, and gets the missing ones from Debian's or Ubuntu's archive.
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, aptUnpack } from './apt.js';

/** What a program is called elsewhere. The first name found counts. */
export const PROGRAMS = {
  'redis-server': { names: ['redis-server', 'valkey-server'], apt: 'redis-server', brew: 'redis' },
  'redis-cli': { names: ['redis-cli', 'valkey-cli'], apt: 'redis-tools', brew: 'redis' },
  'redis-sentinel': { names: ['redis-sentinel', 'valkey-sentinel'], apt: 'redis-sentinel', brew: 'redis' },
  haproxy: { names: ['haproxy'], apt: 'haproxy', brew: 'haproxy' },
  prometheus: { names: ['prometheus'], apt: 'prometheus', brew: 'prometheus' },
  promtool: { names: ['promtool'], apt: 'prometheus', brew: 'prometheus' },
  amtool: { names: ['amtool'], apt: 'prometheus-alertmanager', brew: 'alertmanager' },
  chromium: { names: ['chromium', 'chromium-browser', 'google-chrome'], apt: 'chromium', brew: '--cask chromium' },
  curl: { names: ['curl'], apt: 'curl', brew: 'curl' },
  tini: { names: ['tini'], apt: 'tini', brew: 'tini' },
  python3: { names: ['python3'], apt: 'python3', brew: 'python' },
};

/** @typedef {keyof typeof PROGRAMS} ProgramName */

/** Where unpacked programs lie; part of `PATH` from {@link ensurePrograms} on. */
export function unpackedPrograms(root) {
  return join(root, '.holdfast', 'programs', 'bin');
}

/**
 * @param {ProgramName} name
 * @param {string} [path] directories to look in
 * @returns {string | undefined} the program's full path
 */
export function findProgram(name, path = process.env.PATH ?? '') {
  for (const directory of path.split(delimiter)) {
    for (const file of PROGRAMS[name].names) {
      if (directory !== '' && isExecutable(join(directory, file))) return join(directory, file);
    }
  }
  return undefined;
}

/**
 * Gets missing programs on Debian and Ubuntu: root installs them with apt, anybody else unpacks them under
 * `.holdfast/`. Adds that folder, and the folders that only root's `PATH` has, to this process's `PATH`.
 *
 * @param {string} root the repository
 * @param {readonly ProgramName[]} names
 * @param {(line: string) => void} say
 * @returns {Promise<Map<ProgramName, string>>} what is still missing, with the reason and what would help
 */
export async function ensurePrograms(root, names, say) {
  const places = [process.env.PATH ?? '', unpackedPrograms(root), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  process.env.PATH = [...new Set(places.join(delimiter).split(delimiter))].join(delimiter);
  const missing = () => names.filter((name) => findProgram(name) === undefined);

  let failure = '';
  const wanted = missing();
  if (wanted.length > 0 && existsSync('/usr/bin/apt-get')) {
    const packages = [...new Set(wanted.map((name) => PROGRAMS[name].apt))];
    if (process.getuid?.() === 0) {
      say(`Installing with apt: ${packages.join(' ')} ...`);
      failure = await aptInstall(packages);
    } else {
      const folder = join(root, '.holdfast', 'programs');
      say(`Getting ${packages.join(' ')} into .holdfast/programs ...`);
      mkdirSync(folder, { recursive: true });
      failure = await aptUnpack(packages, folder);
    }
  }
  return new Map(missing().map((name) => [name, `${name} is not here; ${advice(name, failure)}`]));
}

/** @param {ProgramName} name */
function advice(name, failure) {
  if (process.platform === 'darwin') return `get it with: brew install ${PROGRAMS[name].brew}`;
  if (failure !== '') return `getting ${PROGRAMS[name].apt} from the package archive failed: ${failure}`;
  return 'install it with the package manager of this machine';
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
