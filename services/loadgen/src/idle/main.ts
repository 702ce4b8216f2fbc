import { ArgumentError } from '../command-line.js';
import { benchIdle, type IdleReport } from './idle-bench.js';
import { IDLE_HELP, readIdleOptions } from './idle-options.js';

function format({ connections, openedIn, before, after, bytesPerConnection }: IdleReport): string {
  return [
    `${connections} idle connections, opened in ${openedIn.toFixed(1)} s`,
    `gateway: ${mebibytes(before)} resident before, ${mebibytes(after)} with them`,
    `${(bytesPerConnection / 1_024).toFixed(1)} KiB per connection`,
  ].join('\n');
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}

try {
  const options = readIdleOptions(process.argv.slice(2));
  if (options) {
    const { connections, url, members, persistence } = options;
    const kind = persistence ? 'persistent sessions' : 'sessions without persistence';
    console.log(`Opening ${connections} connections to ${url}, ${members} each in ${kind}`);
    console.log(format(await benchIdle(options, (line) => console.log(line))));
  } else console.log(IDLE_HELP);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isArgument = error instanceof ArgumentError;
  console.error(isArgument ? `${message}\nSee npm run bench:idle -- --help` : `FAILED: ${message}`);
  process.exitCode = isArgument ? 2 : 1;
}
