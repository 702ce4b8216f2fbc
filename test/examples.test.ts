import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Child,
  connectPlain,
  eventually,
  REPOSITORY,
  registerCleanup,
  startChild,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from './chat-page.js';
import { type Holdfast, startHoldfast } from './holdfast.js';

const EXAMPLES = join(REPOSITORY, 'examples');

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';

let system: Holdfast;
let pageUrl: string;
/** Where the system asks for one. */
let token: string | undefined;
/** The bot takes what others say in its own name for its own. */
let botToken: string | undefined;

afterAll(stopAll);

/** Runs `npm run token` as the documents print it. */
async function printedToken(secret: string, sub: string): Promise<string> {
  const args = ['--sub', sub, '--sessions', '*', '--scope', 'read write admin'];
  const child = await startChild({
    name: 'token',
    command: process.execPath,
    args: [join(REPOSITORY, 'services/local/dist/token-main.js'), ...args],
    env: { PATH: process.env['PATH'] ?? '', AUTH_JWT_SECRET: secret },
  });
  expect(await child.exited, child.log.tail()).toEqual({ code: 0, signal: null });
  return child.log.lines.join('');
}

/** What an example needs of the environment. */
function environment(variables: Record<string, string> = {}, own = token): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', ...(own !== undefined && { HOLDFAST_TOKEN: own }), ...variables };
}

/** A member that is no example. */
function connectMember(session: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return connectPlain(`${system.wsUrl}?session=${session}&redis_persistence=true`, { headers });
}

/** Serves one page at the root of an origin of its own. @returns the origin */
async function servePage(file: string): Promise<string> {
  const html = await readFile(file);
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registerCleanup('web server of a page', () => new Promise((resolve) => server.close(resolve)));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

/** Waits for the next message of a plain connection. @returns its content */
async function nextContent(member: Awaited<ReturnType<typeof connectPlain>>): Promise<unknown> {
  return (await member.frames.next((frame) => 'content' in frame))['content'];
}

describe.each([
  ['without tokens', undefined],
  ['U6: where tokens are asked for', SECRET],
])('%s:', (_what, secret) => {
  beforeAll(async () => {
    pageUrl = await servePage(join(EXAMPLES, 'browser-page/index.html'));
    system = await startHoldfast({
      env: { ALLOWED_ORIGINS: pageUrl, ...(secret !== undefined && { AUTH_JWT_SECRET: secret }) },
    });
    // What the documents say: `npm run token` with the secret of the server.
    token = secret === undefined ? undefined : await printedToken(secret, 'user-1');
    botToken = secret === undefined ? undefined : await printedToken(secret, 'bot');
  });

  describe('README.md', () => {
    it('has socket programs that run as printed, also on a Node without a WebSocket of its own', async () => {
      const readme = await readFile(join(REPOSITORY, 'README.md'), 'utf8');
      const programs = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program = '']) => program);
      expect(programs).toHaveLength(2);
      const [withClient = '', withAnySocket = ''] = programs.map((program) =>
        program.replaceAll('ws://localhost:8000/ws/chat/', system.wsUrl),
      );
      const run = (program: string) =>
        startChild({
          name: 'README',
          command: process.execPath,
          args: ['--input-type=module', '--eval', `delete globalThis.WebSocket;\n${program}`],
          cwd: REPOSITORY,
          env: environment(),
        });
      const first = await run(withClient);
      await first.log.waitFor(/ok: true.* seq: 1/);
      const second = await run(withAnySocket);
      await second.log.waitFor('Message #2: hello');
      await first.log.waitFor(/^2 .*hello$/);
      await Promise.all([first.kill(), second.kill()]);
    });
  });

  describe('examples/browser-page', () => {
    it('chats in five lines of JavaScript', async () => {
      const [, script = ''] = /<script type="module">\n(.*?)\n *<\/script>/s.exec(
        await readFile(join(EXAMPLES, 'browser-page/index.html'), 'utf8'),
      ) ?? [''];
      expect(script.split('\n')).toHaveLength(5);

      const browser = await startChromium();
      const pages = await Promise.all([browser.newPage(), browser.newPage()]);
      const complaints: string[] = [];
      for (const page of pages) {
        page.on('pageerror', (error) => complaints.push(error.message));
        // As the README says: the token is written into the console, and the page reloaded.
        await page.addInitScript((given) => {
          if (given !== undefined) sessionStorage.setItem('token', given);
        }, token);
        await page.goto(`${pageUrl}/?${new URLSearchParams({ server: system.wsUrl.replace('/ws/chat/', '') })}`);
      }
      const logs = () => Promise.all(pages.map((page) => page.getByRole('log').innerText()));
      // The page shows nothing when it has connected. Only a message that it receives tells so.
      const outsider = await connectMember('my-session');
      await eventually('both pages to be connected', async () => {
        outsider.sendRaw('is anybody there?');
        return (await logs()).every((log) => log !== '');
      });
      await pages[0]?.getByLabel('Message').fill('hello');
      await pages[0]?.getByLabel('Message').press('Enter');
      await eventually('the message on both pages', async () =>
        (await logs()).every((log) => /^Message #\d+: hello$/m.test(log)),
      );
      await outsider.close();
      expect(complaints).toEqual([]);
      await browser.close();
    });
  });

  describe('examples/node-bot', () => {
    let state: string;
    const startBot = async (): Promise<Child> => {
      const bot = await startChild({
        name: 'bot',
        command: process.execPath,
        args: [join(EXAMPLES, 'node-bot/bot.js')],
        env: environment({ HOLDFAST_URL: system.wsUrl, HOLDFAST_SESSION: 'bots', BOT_FILE: state }, botToken),
      });
      await bot.log.waitFor('bot: open');
      return bot;
    };

    it('answers, and after a restart answers what came meanwhile, each once', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-bot-'));
      registerCleanup('state of the bot', () => rm(folder, { recursive: true, force: true }));
      state = join(folder, 'state.json');
      const member = await connectMember('bots');
      const first = await startBot();
      member.sendRaw('!help');
      expect(await nextContent(member)).toBe('Message #1: !help');
      expect(await nextContent(member)).toBe('Message #2: I know !help and !echo TEXT');
      member.sendRaw('nothing for a bot');
      expect(await nextContent(member)).toBe('Message #3: nothing for a bot');
      await expect(first.stop()).resolves.toEqual({ code: 0, signal: null });

      member.sendRaw('!echo are you there?');
      expect(await nextContent(member)).toBe('Message #4: !echo are you there?');
      const second = await startBot();
      expect(await nextContent(member)).toBe('Message #5: are you there?');
      expect(second.log.matching(/answers/)).toEqual(['bot: answers message 4']);
      await second.stop();
      await member.close();
    });
  });

  describe('examples/python-backend', () => {
    it('creates a session, sends into it, reads the history and broadcasts', async () => {
      const member = await connectMember('another');
      const backend = async () => {
        const child = await startChild({
          name: 'back end',
          command: 'python3',
          args: [join(EXAMPLES, 'python-backend/backend.py'), 'orders'],
          env: environment({ HOLDFAST_API: `${system.url}/chat/api` }),
        });
        const exit = await child.exited;
        expect(exit, child.log.tail()).toEqual({ code: 0, signal: null });
        return child.log.lines;
      };
      const [packed, sent] = ['shop: Your order has been packed.', 'shop: Your order has been sent.'];
      expect(await backend()).toEqual([
        'created orders',
        'stored as number 1',
        'stored as number 2',
        `1 ${packed}`,
        `2 ${sent}`,
        'broadcast',
      ]);
      expect(await member.frames.next({ type: 'broadcast' })).toMatchObject({
        title: 'Today',
        message: 'The shop closes at eight.',
        level: 'info',
      });
      expect(await backend()).toContain('orders exists');
      await member.close();
    });
  });
});
