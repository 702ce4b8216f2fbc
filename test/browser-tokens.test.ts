import { signToken } from '@holdfast/auth';
import { stopAll } from '@holdfast/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatPage, startChromium } from './chat-page.js';
import { type Holdfast, startHoldfast } from './holdfast.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';

let system: Holdfast;
let browser: Browser;
let chat: ChatPage;

beforeAll(async () => {
  [system, browser] = await Promise.all([startHoldfast({ env: { AUTH_JWT_SECRET: SECRET } }), startChromium()]);
});

afterEach(async () => {
  // A browser notes each refusal by itself; nothing else may be wrong.
  expect(chat.complaints.filter((complaint) => !/ 40[13] |WebSocket connection to /.test(complaint))).toEqual([]);
  await chat.close();
});

afterAll(stopAll);

function tokenOf(ttl: number, now = Date.now()): Promise<string> {
  return signToken(SECRET, { sub: 'ann', sessions: ['team-*'], scope: 'read write', ttl }, now);
}

async function openPage(): Promise<void> {
  chat = await ChatPage.open(browser, system.url);
  chat.page.setDefaultTimeout(30_000);
}

async function signIn(token: string): Promise<void> {
  await chat.page.getByLabel('Access token').fill(token);
  await chat.page.getByRole('button', { name: 'Sign in' }).click();
}

const alert = (text: RegExp) => chat.page.getByRole('alert').filter({ hasText: text });
const form = () => chat.page.getByRole('form', { name: 'Sign in' });

describe('the page, where tokens are asked for', () => {
  it('U6: asks for one, says what is wrong, chats with it, and forgets it when told', async () => {
    await openPage();
    await form().waitFor();
    expect(await chat.page.getByLabel('Session ID').count()).toBe(0);
    await signIn('nonsense');
    await alert(/^This is no token/).waitFor();
    await signIn(await tokenOf(60, Date.now() - 3_600_000));
    await alert(/expired/).waitFor();
    await chat.screenshot('sign-in');

    const token = await tokenOf(600);
    await signIn(token);
    await chat.persistence.selectOption('redis');
    await chat.addSession('team-1');
    await chat.waitUntilConnected();
    await chat.send('hello from ann');
    await chat.sees('hello from ann');
    await chat.card('team-1').getByRole('button', { name: 'Fetch messages from Redis' }).click();
    await chat.page.getByText('Message #1: hello from ann').waitFor();
    // Extending needs the scope `admin`.
    await chat
      .card('team-1')
      .getByRole('button', { name: /Extend/ })
      .click();
    await alert(/admin/).waitFor();

    await chat.addSession('secret');
    await alert(/^the token does not name this session$/).waitFor();
    await chat.screenshot('forbidden');

    await chat.page.reload();
    await chat.openSession('team-1');
    await chat.waitUntilConnected();
    expect(chat.page.url()).not.toContain(token);
    expect(await chat.page.evaluate(() => JSON.stringify(localStorage))).not.toContain(token);

    await chat.page.getByRole('button', { name: 'Sign out' }).click();
    await form().waitFor();
    expect(await chat.page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(token);
    expect(await alert(/./).count()).toBe(0);
  });

  it('U8, U10: says so when the token expires in the middle of a chat, and goes on with the next one', async () => {
    await openPage();
    // Long enough to be connected before it expires, on a busy machine too.
    await signIn(await tokenOf(9));
    await chat.persistence.selectOption('redis');
    await chat.addSession('team-2');
    await chat.waitUntilConnected();
    await form().waitFor();
    await alert(/expired/).waitFor();
    await signIn(await tokenOf(600));
    await chat.waitUntilConnected();
    await chat.send('here again');
    await chat.sees('here again');
  });
});
