// `npm start`: installs and builds what is missing, then runs the whole system. Until everything is installed and
// built, only Node's own modules may be imported.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureBuilt } from '../../../scripts/setup/build.js';
import { ensureNodeModules, requireNode } from '../../../scripts/setup/node-modules.js';
import { ensurePrograms } from '../../../scripts/setup/programs.js';
import { SetupError } from '../../../scripts/setup/run.js';
import { watchNpm } from '../../../scripts/setup/watch-npm.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const say = (line) => console.log(line);

watchNpm();
try {
  requireNode(root);
  await ensureNodeModules(root, say);
  await ensureBuilt(root, say);
  if (!process.env.CHANNEL_REDIS_URL && !process.argv.includes('--embedded')) {
    const missing = await ensurePrograms(root, ['redis-server'], say);
    for (const reason of missing.values()) say(reason);
  }
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exit(1);
}
await import(pathToFileURL(join(root, 'services/local/dist/main.js')).href);
