import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../command-line.js';
import { readVerifyOptions, VERIFY_HELP } from './verify-options.js';

it('verifies the local front door when nothing is said', () => {
  expect(readVerifyOptions([])).toEqual({
    url: 'http://localhost:8000',
    gateways: ['ws://localhost:8000/ws/chat/'],
    token: undefined,
    numbers: {},
  });
});

it('takes everything that the help names', () => {
  const argv = '--url https://h/ --gateway ws://a/ --gateway wss://b/ --token t --sessions 2 --members=3 --rate 0.5';
  expect(readVerifyOptions(`${argv} --seconds 9 --disconnect-every 0 --seed 7`.split(' '))).toEqual({
    url: 'https://h',
    gateways: ['ws://a/', 'wss://b/'],
    token: 't',
    numbers: { sessions: 2, members: 3, rate: 0.5, seconds: 9, disconnectEvery: 0, seed: 7 },
  });
});

it('is asked for help', () => {
  expect(readVerifyOptions(['--help'])).toBeUndefined();
  for (const name of [
    'url',
    'gateway',
    'token',
    'sessions',
    'members',
    'rate',
    'seconds',
    'disconnect-every',
    'seed',
  ]) {
    expect(VERIFY_HELP).toContain(`--${name} `);
  }
});

describe('names the argument that is wrong', () => {
  it.each([
    ['--speed 3', /--speed/],
    ['--rate', /--rate/],
    ['--rate fast', '--rate must be a number, not "fast"'],
    ['--rate=', '--rate must be a number, not ""'],
    ['--rate=-1', '--rate must be a number from 0 to 100000, not -1'],
    ['--seed 1.5', '--seed must be a whole number from 0 to 4294967295, not 1.5'],
    ['--seed 1 --seed 2', '--seed may be given once only'],
    ['--url localhost:8000', '--url must be a URL that begins with http:// or https://, not "localhost:8000"'],
    ['--gateway http://h', '--gateway must be a URL that begins with ws:// or wss://, not "http://h"'],
    ['http://h', /http:\/\/h/],
  ])('%s', (line, message) => {
    const read = () => readVerifyOptions(line.split(' '));
    expect(read).toThrow(ArgumentError);
    expect(read).toThrow(message);
  });
});
