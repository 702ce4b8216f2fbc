import { ConfigError } from '@holdfast/config';
import { tokenFor, UsageError } from './token-command.js';

try {
  process.stdout.write(`${await tokenFor(process.argv.slice(2), process.env)}\n`);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
