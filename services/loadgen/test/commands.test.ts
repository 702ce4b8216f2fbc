import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Child, REPOSITORY, registerCleanup, startChild, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holdfast, startHoldfast } from '../../../test/holdfast.js';

let system: Holdfast;

beforeAll(async () => {
  system = await startHoldfast();
});

afterAll(stopAll);

/** Runs `npm run COMMAND -- ARGS` without npm. @returns the exit code and the output */
async function run(command: 'verify', ...args: string[]): Promise<{ code: number | null; text: string }> {
  const script = `${REPOSITORY}services/loadgen/bin/${command}.mjs`;
  const child: Child = await startChild({ name: command, command: process.execPath, args: [script, ...args] });
  const { code } = await child.exited;
  return { code, text: child.log.lines.join('\n') };
}

describe('npm run verify', () => {
  it('passes the running system, shows how it goes on, and leaves nothing behind', async () => {
    const { code, text } = await run('verify', '--url', system.url, '--seconds', '3', '--seed', '5', '--rate', '60');
    expect(code, text).toBe(0);
    for (const name of [
      '1/6 ok     Redis connectivity',
      '2/6 ok     WebSocket integration',
      '3/6 ok     Message storage',
      '4/6 ok     Session management',
      '5/6 ok     Reconnection',
      '6/6 ok     Cleanup',
      'Delivery (seed 5)',
      '48 members connected',
    ]) {
      expect(text).toContain(name);
    }
    expect(text).toMatch(/\nOK: every accepted message is in the history exactly once/);
    const answer = await fetch(`${system.url}/api/sessions/?prefix=verify-`);
    expect(await answer.json()).toMatchObject({ success: true, sessions: [] });
  });

  it('takes the members to the gateways it is told', async () => {
    const gateways = system.gatewayWsUrls.flatMap((url) => ['--gateway', url]);
    const { code, text } = await run('verify', '--url', system.url, ...gateways, '--seconds', '1', '--members', '2');
    expect(code, text).toBe(0);
    expect(text).toContain('12 sessions, 24 members, addresses: 2');
  });

  it('fails where nothing answers', async () => {
    const { code, text } = await run('verify', '--url', 'http://127.0.0.1:9');
    expect(code).toBe(1);
    expect(text).toContain('1/6 FAILED Redis connectivity: GET http://127.0.0.1:9/api/redis/status/');
    expect(text).toContain('FAILED: deliveries were not checked');
  });

  it('fails where Redis is away', async () => {
    const server = createServer((_request, response) => {
      response.statusCode = 503;
      response.end(JSON.stringify({ success: false, redis_connected: false }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    registerCleanup('server without Redis', () => new Promise((resolve) => server.close(resolve)));
    const { code, text } = await run('verify', '--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(code).toBe(1);
    expect(text).toContain('redis_connected":false');
  });

  it('names a wrong argument, and tells of all of them when asked', async () => {
    expect(await run('verify', '--rate', 'fast')).toEqual({
      code: 2,
      text: '--rate must be a number, not "fast"\nSee npm run verify -- --help',
    });
    const help = await run('verify', '--help');
    expect(help.code).toBe(0);
    expect(help.text).toContain('--disconnect-every N');
  });
});
