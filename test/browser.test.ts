import { connectPlain, eventually, stopAll } from '@holdfast/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatPage, startChromium } from './chat-page.js';
import { type Holdfast, startHoldfast } from './holdfast.js';

let system: Holdfast;
let browser: Browser;
const open: ChatPage[] = [];

beforeAll(async () => {
  // A history of more than one page of the HTTP API.
  const env = { MESSAGE_HISTORY_MAX: '3000' };
  [system, browser] = await Promise.all([startHoldfast({ env }), startChromium()]);
});

afterEach(async () => {
  for (const chat of open.splice(0)) {
    expect(chat.complaints).toEqual([]);
    await chat.close();
  }
});

afterAll(stopAll);

async function openPage(options?: Parameters<typeof ChatPage.open>[2]): Promise<ChatPage> {
  const chat = await ChatPage.open(browser, system.url, options);
  chat.page.setDefaultTimeout(60_000);
  open.push(chat);
  return chat;
}

/** A page that chats in a session. */
async function openSession(session: string, persistence: 'localStorage' | 'redis' | 'none'): Promise<ChatPage> {
  const chat = await openPage();
  await chat.persistence.selectOption(persistence);
  await chat.addSession(session);
  await chat.waitUntilConnected();
  return chat;
}

/** Connections of each gateway, by its metrics. */
async function connections(): Promise<number[]> {
  const admins = system.child.log
    .matching(/^ {2}gateway \d/)
    .map((line) => /metrics (http:\S+)\)/.exec(line)?.[1] ?? '');
  return Promise.all(
    admins.map(async (url) => {
      const lines = (await (await fetch(url)).text())
        .split('\n')
        .filter((line) => line.startsWith('holdfast_connections{'));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    }),
  );
}

describe('the page', () => {
  it('is titled WebSocket Chat and offers the settings of the guide', async () => {
    const chat = await openPage();
    expect(await chat.page.title()).toBe('WebSocket Chat');
    expect(await chat.persistence.inputValue()).toBe('localStorage');
    expect(
      await chat.persistence
        .locator('option')
        .evaluateAll((options) => options.map((option) => [option.getAttribute('value'), option.textContent])),
    ).toEqual([
      ['localStorage', 'localStorage'],
      ['redis', 'Redis'],
      ['none', 'none'],
    ]);
    await chat.persistence.selectOption('Redis');
    await chat.page.getByText('Sessions stored in Redis with TTL').first().waitFor();
    // U6: nobody is asked for a token here, and nothing is shown of it.
    expect(await chat.page.getByText(/token|sign (?:in|out)/i).count()).toBe(0);
    await chat.screenshot('settings');
  });

  it('runs the line of JavaScript as it is printed', async () => {
    const chat = await openPage();
    const frame = await chat.page.evaluate(
      () =>
        new Promise<string>((resolve, reject) => {
          const ws = new WebSocket('/ws/chat/?session=my-session&redis_persistence=true');
          ws.onopen = () => ws.send('from a script');
          ws.onmessage = ({ data }) => {
            resolve(String(data));
            ws.close();
          };
          ws.onerror = () => reject(new Error('the connection failed'));
        }),
    );
    expect(JSON.parse(frame)).toMatchObject({
      count: 1,
      content: 'Message #1: from a script',
      sessionId: 'my-session',
    });
  });

  it('makes up an id when none is given', async () => {
    const chat = await openPage();
    await chat.addSession('');
    await chat.waitUntilConnected();
    expect(await chat.page.getByRole('listitem', { name: /^Session / }).count()).toBe(1);
  });
});

describe('two people', () => {
  it('chat with each other from two browsers on two gateways', async () => {
    await eventually('the connections of other tests to be gone', async () =>
      (await connections()).every((count) => count === 0),
    );
    const alice = await openSession('browser-chat', 'redis');
    const bob = await openSession('browser-chat', 'redis');
    expect(await connections()).toEqual([1, 1]);
    await alice.send('Hello Redis!');
    await bob.sees('Hello Redis!');
    await bob.send('Hello, Alice');
    await alice.sees('Hello, Alice');
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    for (const [index, line] of lines.entries()) await (index % 2 === 0 ? alice : bob).send(line);
    const all = ['Hello Redis!', 'Hello, Alice', ...lines];
    for (const chat of [alice, bob]) for (const content of all) await chat.sees(content);
    const seen = await alice.shown(all);
    expect(seen.toSorted()).toEqual(all.toSorted());
    expect(await bob.shown(all)).toEqual(seen);
    await alice.screenshot('two-people-alice');
    await bob.screenshot('two-people-bob');

    // Step 4 of the guide: the chip, and the button beside it that fetches the messages in Redis.
    const card = alice.card('browser-chat');
    await card.getByText('Redis', { exact: true }).waitFor();
    const request = alice.page.waitForRequest((sent) =>
      /\/chat\/api\/sessions\/browser-chat\/messages\//.test(sent.url()),
    );
    await card.getByText('🔄').click();
    await request;
    await card.getByText('22 messages in Redis', { exact: false }).waitFor();
    await card.getByText('Message #1: Hello Redis!', { exact: false }).waitFor();
    await alice.screenshot('refreshed');
  });

  it('sees what arrives from elsewhere, and an operator broadcast', async () => {
    const chat = await openSession('elsewhere', 'redis');
    const script = await connectPlain(`${system.wsUrl}?session=elsewhere&redis_persistence=true`);
    script.sendRaw('from a script');
    await chat.sees('from a script');
    await chat.send('seen');
    await script.frames.next({ echo: 'seen' });
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ message: 'Maintenance at noon', level: 'warning' });
    await fetch(`${system.url}/api/broadcast/`, { method: 'POST', headers, body });
    await chat.page.getByText('Maintenance at noon').waitFor();
    await script.close();
  });
});

describe('a reload', () => {
  it('brings the messages back from Redis', async () => {
    const chat = await openSession('kept-in-redis', 'redis');
    await chat.send('kept in Redis');
    await chat.sees('kept in Redis');
    // The messages must come from Redis, not from the browser's own storage.
    await chat.page.evaluate(() => {
      for (const name of Object.keys(localStorage))
        if (!name.startsWith('holdfast-web:')) localStorage.removeItem(name);
    });
    await chat.page.reload();
    await chat.waitUntilConnected();
    await chat.sees('kept in Redis');
    await chat.send('after the reload');
    await chat.sees('after the reload');
    const both = ['kept in Redis', 'after the reload'];
    expect(await chat.shown(both)).toEqual(both);
    await chat.screenshot('reloaded-redis');
  });

  it('brings the messages back from localStorage, and Redis has none', async () => {
    const chat = await openSession('kept-in-browser', 'localStorage');
    await chat.send('kept in this browser');
    await chat.sees('kept in this browser');
    await chat.page.reload();
    await chat.waitUntilConnected();
    await chat.sees('kept in this browser');
    await chat.send('after the reload');
    await chat.sees('after the reload');
    const both = ['kept in this browser', 'after the reload'];
    expect(await chat.shown(both)).toEqual(both);
    const answer = await fetch(`${system.url}/chat/api/sessions/kept-in-browser/messages/`);
    expect(await answer.json()).toMatchObject({ messages: [], count: 0 });
    await chat.screenshot('reloaded-localstorage');
  });

  it('brings nothing back without persistence', async () => {
    const chat = await openSession('kept-nowhere', 'none');
    await chat.send('gone with the page');
    await chat.sees('gone with the page');
    await chat.page.reload();
    await chat.waitUntilConnected();
    await chat.send('after the reload');
    await chat.sees('after the reload');
    expect(await chat.shown(['gone with the page', 'after the reload'])).toEqual(['after the reload']);
    await chat.screenshot('reloaded-none');
  });
});

describe('a long history', () => {
  it('H4: is read whole, also beyond the first page', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const url = `${system.url}/chat/api/sessions/long-history/messages/`;
    const post = async (content: string) => {
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ content }) });
      expect(answer.status).toBe(200);
    };
    for (let sent = 0; sent < 1_500; sent += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => post(`number ${sent + index + 1}`)));
    }
    await post('the last one');
    const chat = await openSession('long-history', 'redis');
    await chat.sees('the last one');
    const card = chat.card('long-history');
    await card.getByText('🔄').click();
    await card.getByText('1501 messages in Redis', { exact: false }).waitFor();
    await card.getByText('Message #1501: the last one', { exact: false }).waitFor();
    await chat.screenshot('long-history');
  });
});

describe('the end of a session', () => {
  it('V7: deleted by another member, it begins anew without the old messages and without an old problem', async () => {
    const chat = await openSession('deleted-by-another', 'redis');
    await chat.send('before the deletion');
    await chat.sees('before the deletion');
    await fetch(`${system.url}/chat/api/sessions/deleted-by-another/delete/`, { method: 'DELETE' });
    await chat.page.getByText('The connection was closed', { exact: false }).waitFor();
    await chat.screenshot('deleted');
    await chat.page.getByRole('button', { name: 'Connect now' }).click();
    await chat.waitUntilConnected();
    await chat.send('after the deletion');
    await chat.sees('after the deletion');
    expect(await chat.page.getByText('The connection was closed', { exact: false }).count()).toBe(0);
    expect(await chat.shown(['before the deletion', 'after the deletion'])).toEqual(['after the deletion']);
    await chat.screenshot('begun-anew');
    // Chromium reports that the page asked for the time to live of a session that is gone.
    const others = chat.complaints.splice(0).filter((complaint) => !/ 404 .*\/deleted-by-another\/$/.test(complaint));
    expect(others).toEqual([]);
  });

  it('V7, T1: expired, its next message stands below the old ones, and the time to live is the new one', async () => {
    const chat = await openSession('expires-soon', 'redis');
    for (const content of ['old 1', 'old 2']) await chat.send(content);
    await chat.sees('old 2');
    const headers = { 'Content-Type': 'application/json' };
    const extend = `${system.url}/chat/api/sessions/expires-soon/extend/`;
    await fetch(extend, { method: 'POST', headers, body: JSON.stringify({ ttl: 2 }) });
    // The gateway has told of the expiry when no message counts any more.
    await chat.page.getByText('0 messages', { exact: true }).waitFor();
    const timeToLive = chat.card('expires-soon').getByRole('timer');
    await timeToLive.getByText('Expired').waitFor();
    await chat.send('new 1');
    await chat.sees('new 1');
    expect(await chat.shown(['old 1', 'old 2', 'new 1'])).toEqual(['old 1', 'old 2', 'new 1']);
    await timeToLive.getByText(/Expires in (1 h|60 min|59 min)/).waitFor();
    await chat.screenshot('expired');
  });
});

describe('a page that cannot be drawn', () => {
  it('says so and can be reloaded, rather than being blank', async () => {
    const chat = await openSession('broken', 'redis');
    const body = JSON.stringify({ success: true, messages: [null], has_more: false });
    const answer = { contentType: 'application/json', body };
    await chat.page.route('**/chat/api/sessions/broken/messages/', (route) => route.fulfill(answer));
    await chat.card('broken').getByText('🔄').click();
    await chat.page.getByRole('heading', { name: 'The page has failed' }).waitFor();
    await chat.screenshot('failed');
    expect(chat.complaints.splice(0).join()).toContain('TypeError');
    await chat.page.unroute('**/chat/api/sessions/broken/messages/');
    await chat.page.getByRole('button', { name: 'Reload the page' }).click();
    await chat.waitUntilConnected();
  });
});

describe('a narrow screen', () => {
  it('shows the chat and the way back to the sessions', async () => {
    const chat = await openPage({ viewport: { width: 390, height: 844 } });
    await chat.persistence.selectOption('redis');
    await chat.addSession('on-a-phone');
    await chat.waitUntilConnected();
    await chat.send('from a phone');
    await chat.sees('from a phone');
    await chat.screenshot('phone-chat');
    await chat.page.getByRole('button', { name: 'Back to sessions' }).click();
    await chat.card('on-a-phone').waitFor();
    await chat.screenshot('phone-sessions');
  });
});
