import { ConfigError, ENVIRONMENT, loadConfig, type ServiceName } from '@holdfast/config';
import { must, type Target } from '../target.js';

const NAMES = ENVIRONMENT.map(({ name }) => name);
const SERVICES: readonly ServiceName[] = ['gateway', 'session-api', 'sweeper'];

/** The environment of a process, one `NAME=value` a line: a configuration, or an error that names each wrong setting. */
export const environments: Target = {
  name: 'environments',
  words: [
    ...NAMES.map((name) => `\n${name}=`),
    ...['redis://', 'rediss://', 'http://', 'https://', 'localhost', '127.0.0.1', '0.0.0.0', ':6379', '/0', '@', ','],
    ...['true', 'false', '*', 'a-secret-of-at-least-thirty-two-bytes', ' ', '%', '%zz', '[::1]', 'sentinel', 'cluster'],
  ],
  run(input) {
    const env: Record<string, string> = {};
    for (const line of input.split('\n')) {
      const at = line.indexOf('=');
      if (at > 0) env[line.slice(0, at)] = line.slice(at + 1);
    }
    const service = SERVICES[input.length % SERVICES.length] ?? 'gateway';
    try {
      loadConfig(service, env);
      return 'valid';
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      must(error.mistakes.length > 0, 'an error without a mistake');
      for (const mistake of error.mistakes) {
        must(
          NAMES.some((name) => mistake.startsWith(name)),
          `a mistake does not begin with its setting: ${mistake}`,
        );
      }
      return 'refused';
    }
  },
};
