import { expect, it } from 'vitest';
import { IDLE_HELP, readIdleOptions } from './idle-options.js';

it('opens what a process may have to the gateway next door when nothing is said', () => {
  expect(readIdleOptions([])).toEqual({
    url: 'ws://127.0.0.1:8100/ws/chat/',
    metrics: 'http://127.0.0.1:9100/metrics',
    connections: 19_800,
    rate: 1_000,
    members: 4,
    persistence: true,
    hold: 10,
  });
});

it('takes everything that the help names', () => {
  const argv = '--url ws://a/ --metrics http://b/ --connections 5 --rate 6 --members 7 --persistence none --hold 8';
  expect(readIdleOptions(argv.split(' '))).toEqual({
    url: 'ws://a/',
    metrics: 'http://b/',
    connections: 5,
    rate: 6,
    members: 7,
    persistence: false,
    hold: 8,
  });
  expect(readIdleOptions(['--help'])).toBeUndefined();
  for (const name of argv.match(/--\w+/g) ?? []) expect(IDLE_HELP).toContain(`${name} `);
});

it.each([
  ['--connections 0', '--connections must be a whole number from 1 to 1000000, not 0'],
  ['--hold 1.5', '--hold must be a whole number from 1 to 86400, not 1.5'],
  ['--persistence some', '--persistence must be redis or none, not "some"'],
  ['--url http://a', '--url must be a URL that begins with ws:// or wss://, not "http://a"'],
])('names the argument that is wrong: %s', (line, message) => {
  expect(() => readIdleOptions(line.split(' '))).toThrow(message);
});
