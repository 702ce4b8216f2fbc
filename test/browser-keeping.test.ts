import { eventually, stopAll } from '@holdfast/testkit';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatPage, startChromium } from './chat-page.js';
import { type Holdfast, startHoldfast } from './holdfast.js';

/** What a reader has typed, sent or read stays, whatever the browser and its other tabs do. */

let system: Holdfast;
let browser: Browser;
const open: ChatPage[] = [];

beforeAll(async () => {
  [system, browser] = await Promise.all([startHoldfast({ env: { MESSAGE_HISTORY_MAX: '50' } }), startChromium()]);
});

afterEach(async () => {
  for (const chat of open.splice(0)) {
    expect(chat.complaints).toEqual([]);
    await chat.close();
  }
});

afterAll(stopAll);

async function openPage(options?: BrowserContextOptions): Promise<ChatPage> {
  const chat = await ChatPage.open(browser, system.url, options);
  chat.page.context().setDefaultTimeout(60_000);
  open.push(chat);
  return chat;
}

type Persistence = 'localStorage' | 'redis' | 'none';

async function addSession(chat: ChatPage, session: string, persistence: Persistence): Promise<void> {
  await chat.persistence.selectOption(persistence);
  await chat.addSession(session);
  await chat.waitUntilConnected();
}

/** Puts the test between a page and the gateway. Frames for which it answers something go no further. */
async function between(chat: ChatPage, answer: (frame: string, isFromPage: boolean) => object | boolean) {
  await chat.page.routeWebSocket(/\/ws\/chat\//, (page) => {
    const server = page.connectToServer();
    page.onMessage((frame) => {
      const instead = answer(String(frame), true);
      if (typeof instead === 'object') page.send(JSON.stringify(instead));
      else if (!instead) server.send(frame);
    });
    server.onMessage((frame) => {
      if (!answer(String(frame), false)) page.send(frame);
    });
  });
}

function stored(chat: ChatPage, key: string): Promise<string | null> {
  return chat.page.evaluate((name) => localStorage.getItem(name), key);
}

describe('messages that a browser keeps', () => {
  it('of several tabs that write at once none overwrites those of another', async () => {
    const a = await openPage();
    await addSession(a, 'two-tabs', 'localStorage');
    const b = await a.openTab();
    await b.openSession('two-tabs');
    await b.waitUntilConnected();
    const lines = Array.from({ length: 20 }, (_, index) => [`a ${index}`, `b ${index}`]).flat();
    const send = async (chat: ChatPage, name: string) => {
      for (const line of lines.filter((line) => line.startsWith(name))) await chat.send(line);
    };
    await Promise.all([send(a, 'a'), send(b, 'b')]);
    for (const line of lines) for (const chat of [a, b]) await chat.sees(line);
    await eventually('all messages to be kept', async () => {
      const text = await stored(a, 'holdfast:two-tabs:messages');
      return lines.every((line) => text?.includes(`"content":"${line}"`));
    });
    const c = await a.openTab();
    await c.openSession('two-tabs');
    await c.sees('a 19');
    const shown = await c.shown(lines);
    expect(shown.toSorted()).toEqual(lines.toSorted());
    await Promise.all([a.page.reload(), b.page.reload()]);
    for (const chat of [a, b]) {
      await chat.sees('b 19');
      expect(await chat.shown(lines)).toEqual(shown);
    }
  });

  it('a tab that has missed some takes them from another tab, and keeps them when it writes', async () => {
    const a = await openPage();
    await addSession(a, 'deaf-tab', 'localStorage');
    const b = await a.openTab();
    let isDeaf = true;
    await between(b, (frame, isFromPage) => isDeaf && !isFromPage && frame.includes('"type":"message"'));
    await b.page.reload();
    await b.openSession('deaf-tab');
    await b.waitUntilConnected();
    await a.send('missed by the other tab');
    await a.sees('missed by the other tab');
    await b.sees('missed by the other tab');
    isDeaf = false;
    await b.send('from the other tab');
    await b.sees('from the other tab');
    await b.page.reload();
    await b.sees('from the other tab');
    const both = ['missed by the other tab', 'from the other tab'];
    expect(await b.shown(both)).toEqual(both);
  });

  it('a full storage is told in words, and what it does not hold stays on the screen', async () => {
    const chat = await openPage();
    await addSession(chat, 'full', 'localStorage');
    await chat.page.evaluate(() => {
      for (let length = 4_000_000, n = 0; length > 0; n++) {
        try {
          localStorage.setItem(`filler ${n}`, 'x'.repeat(length));
        } catch {
          length = Math.floor(length / 2);
        }
      }
    });
    await chat.send('no room for this');
    await chat.sees('no room for this');
    await chat.page.getByText('The storage of this browser is full. Messages that it does not hold').waitFor();
    await chat.screenshot('storage-full');
    await chat.draft.fill('no room for this draft');
    await chat.page.getByText('Sessions and drafts that it does not hold are gone').waitFor();
  });

  it('a browser that forbids the storage shows the page, and says what is not kept', async () => {
    const chat = await openPage();
    await chat.page.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) {
        Object.defineProperty(window, name, {
          get() {
            throw new DOMException('Access is denied for this document.', 'SecurityError');
          },
        });
      }
    });
    await chat.page.reload();
    await chat.page.getByText('This browser lets this page store nothing. Sessions, drafts and messages').waitFor();
    await addSession(chat, 'denied', 'localStorage');
    await chat.send('shown even so');
    await chat.sees('shown even so');
    await chat.screenshot('storage-denied');
    await chat.page.getByRole('button', { name: 'Delete session denied' }).click();
    await chat.page.getByRole('button', { name: 'Delete', exact: true }).click();
    await chat.page.getByText('No session is open').waitFor();
  });

  it('what cannot be read is set aside and told in words, and a list of sessions is not overwritten', async () => {
    const chat = await openPage();
    await addSession(chat, 'readable', 'localStorage');
    // Another tab adds a session, of which this one has not heard.
    await chat.page.evaluate(() => {
      const key = 'holdfast-web:state';
      const state = JSON.parse(localStorage.getItem(key) ?? '') as { sessions: object[] };
      state.sessions.push({ id: 'of-another-tab', persistence: 'localStorage' });
      localStorage.setItem(key, JSON.stringify(state));
      localStorage.setItem('holdfast:readable:messages', '[{"id":"cut off');
    });
    await addSession(chat, 'added-here', 'localStorage');
    await chat.card('of-another-tab').waitFor();
    await chat.page.reload();
    await chat.openSession('readable');
    await chat.page.getByText('could not be read. They were set aside').waitFor();
    await chat.screenshot('storage-unreadable');
    expect(await stored(chat, 'holdfast:readable:messages:unreadable')).toBe('[{"id":"cut off');
    await chat.page.evaluate(() => localStorage.setItem('holdfast-web:state', '{"sessions":'));
    await chat.page.reload();
    await chat.page.getByText('The list of sessions that this browser kept could not be read').waitFor();
    await chat.screenshot('storage-unreadable-list');
    expect(await stored(chat, 'holdfast-web:state:unreadable')).toBe('{"sessions":');
  });
});

describe('a message that is being written', () => {
  it('survives switching, a reload and the end of the tab, and is gone once it is sent', async () => {
    const chat = await openPage();
    await addSession(chat, 'draft-1', 'redis');
    await chat.draft.fill('first draft');
    await addSession(chat, 'draft-2', 'localStorage');
    expect(await chat.draft.inputValue()).toBe('');
    await chat.draft.fill('second draft');
    await chat.openSession('draft-1');
    expect(await chat.draft.inputValue()).toBe('first draft');
    await chat.page.reload();
    await chat.waitUntilConnected();
    expect(await chat.draft.inputValue()).toBe('first draft');
    await chat.screenshot('draft-reloaded');
    const next = await chat.openTab();
    await chat.page.close();
    await next.openSession('draft-2');
    expect(await next.draft.inputValue()).toBe('second draft');
    await next.openSession('draft-1');
    await next.waitUntilConnected();
    await next.draft.press('Enter');
    await next.sees('first draft');
    expect(await next.draft.inputValue()).toBe('');
    await next.page.reload();
    await next.sees('first draft');
    expect(await next.draft.inputValue()).toBe('');
    expect(await stored(next, 'holdfast-web:draft:draft-1')).toBeNull();
  });

  it('is not changed by another tab, whose own one is not taken away either', async () => {
    const a = await openPage();
    await addSession(a, 'draft-tabs', 'redis');
    await a.draft.fill('of a');
    const b = await a.openTab();
    await b.openSession('draft-tabs');
    await b.waitUntilConnected();
    // It shows the draft of the other tab as it found it, and nothing that is typed there meanwhile.
    expect(await b.draft.inputValue()).toBe('of a');
    await a.draft.fill('of a, longer');
    await eventually(
      'the copy to be kept',
      async () => (await stored(b, 'holdfast-web:draft:draft-tabs')) === 'of a, longer',
    );
    expect(await b.draft.inputValue()).toBe('of a');
    await b.draft.evaluate((field: HTMLTextAreaElement) => {
      const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')?.set;
      set?.call(field, 'of b');
      field.dispatchEvent(new Event('input', { bubbles: true }));
      const key = 'holdfast-web:draft:draft-tabs';
      window.dispatchEvent(new StorageEvent('storage', { key, newValue: 'of a, longer still' }));
    });
    await b.draft.press('Enter');
    await b.sees('of b');
    expect(await a.draft.inputValue()).toBe('of a, longer');
    await a.page.close();
    const c = await b.openTab();
    await c.openSession('draft-tabs');
    expect(await c.draft.inputValue()).toBe('of a, longer');
  });

  it('without persistence survives a reload, and not the tab', async () => {
    const chat = await openPage();
    await addSession(chat, 'draft-none', 'none');
    await chat.draft.fill('only here');
    await chat.page.reload();
    expect(await chat.draft.inputValue()).toBe('only here');
    const next = await chat.openTab();
    await next.openSession('draft-none');
    expect(await next.draft.inputValue()).toBe('');
  });
});

describe('a message that is not sent', () => {
  it('D5: typed without a connection, it outlives the tab and arrives once', async () => {
    const other = await openPage();
    await addSession(other, 'offline', 'redis');
    const chat = await openPage();
    let isCut = false;
    await between(chat, () => isCut);
    await chat.page.reload();
    await addSession(chat, 'offline', 'redis');
    isCut = true;
    const lines = ['typed offline 1', 'typed offline 2', 'typed offline 3'];
    for (const line of lines) await chat.send(line);
    await chat.messages.getByText('Pending').nth(2).waitFor();
    await chat.screenshot('pending');
    const next = await chat.openTab();
    await chat.page.close();
    await next.openSession('offline');
    await other.sees('typed offline 3');
    await next.sees('typed offline 3');
    expect([await other.shown(lines), await next.shown(lines)]).toEqual([lines, lines]);
  });

  it.each(['light', 'dark'] as const)('V11: refused, it keeps its text over a reload (%s)', async (colorScheme) => {
    const chat = await openPage({ colorScheme });
    let isRefusing = true;
    await between(chat, (frame, isFromPage) => {
      const { type, id } = JSON.parse(frame) as { type: string; id: string };
      const message = 'this id was used for another message';
      return isRefusing && isFromPage && type === 'send' && { type: 'error', id, code: 'id_conflict', message };
    });
    await chat.page.reload();
    await addSession(chat, `refused-${colorScheme}`, 'redis');
    const lines = ['refused 1', 'refused 2', 'refused 3'];
    for (const line of lines) await chat.send(line);
    await chat.messages.getByText('Not sent: this id was used for another message').nth(2).waitFor();
    await chat.screenshot(`refused-${colorScheme}`);
    await chat.page.reload();
    await chat.waitUntilConnected();
    await chat.sees('refused 3');
    expect(await chat.shown(lines)).toEqual(lines);
    isRefusing = false;
    const failed = (line: string) => chat.messages.getByRole('listitem').filter({ hasText: line });
    await failed('refused 1').getByRole('button', { name: 'Discard' }).click();
    await chat.draft.fill('and more');
    await failed('refused 2').getByRole('button', { name: 'Edit' }).click();
    expect(await chat.draft.inputValue()).toBe('and more\nrefused 2');
    await failed('refused 3').getByRole('button', { name: 'Send again' }).click();
    await chat.page.getByText('1 message', { exact: true }).waitFor();
    expect(await chat.shown([...lines, 'Not sent: this id was used for another message'])).toEqual(['refused 3']);
  });

  it('A4: whose id was used for another text, is shown with the sentence of the gateway', async () => {
    const chat = await openPage();
    await addSession(chat, 'same-id', 'redis');
    await chat.send('the first text');
    await chat.sees('the first text');
    const answer = await fetch(`${system.url}/chat/api/sessions/same-id/messages/?view=log`);
    const { messages } = (await answer.json()) as { messages: [{ id: string }] };
    // What a broken browser or another program may have left in the outbox.
    await chat.page.evaluate((id) => {
      localStorage.setItem(`holdfast:same-id:out:${id}`, JSON.stringify({ id, content: 'another text', at: 1 }));
    }, messages[0].id);
    await chat.page.reload();
    await chat.sees('another text');
    await chat.page.locator('[data-failed=id_conflict]').getByText('another text').waitFor();
    await chat.screenshot('id-conflict');
    await chat.messages.getByRole('button', { name: 'Send again' }).click();
    await chat.page.getByText('2 messages', { exact: true }).waitFor();
    expect(await chat.shown(['the first text', 'another text'])).toEqual(['the first text', 'another text']);
  });

  it('is asked about before the page is left, where nothing is kept', async () => {
    const chat = await openPage();
    let isCut = false;
    await between(chat, () => isCut);
    await chat.page.reload();
    await addSession(chat, 'leaving', 'none');
    isCut = true;
    await chat.send('lost with the page');
    await chat.messages.getByText('Pending').waitFor();
    const asked = chat.page.waitForEvent('dialog');
    await chat.page.close({ runBeforeUnload: true });
    const dialog = await asked;
    expect(dialog.type()).toBe('beforeunload');
    await dialog.dismiss();
    await chat.sees('lost with the page');
  });

  it('S1: a session that keeps nothing stays open, however many others are opened', async () => {
    const chat = await openPage();
    await addSession(chat, 'keeps-nothing', 'none');
    await chat.send('still here');
    await chat.sees('still here');
    for (let n = 1; n <= 9; n++) await addSession(chat, `another-${n}`, 'redis');
    await chat.openSession('keeps-nothing');
    await chat.sees('still here');
    await chat.card('another-1').getByText('Not connected').waitFor();
  });
});

describe('the top of a history', () => {
  async function post(session: string, count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      const answer = await fetch(`${system.url}/chat/api/sessions/${session}/messages/`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ content: `number ${n}` }),
      });
      expect(answer.status).toBe(200);
    }
  }

  it.each(['light', 'dark'] as const)('says where it ends, with each persistence (%s)', async (colorScheme) => {
    const chat = await openPage({ colorScheme });
    const topOf = async (session: string, persistence: Persistence, text: string) => {
      await addSession(chat, session, persistence);
      await chat.send('the newest');
      await chat.sees('the newest');
      await chat.messages.evaluate((list) => list.scrollTo(0, 0));
      await chat.messages.getByText(text).waitFor();
      await chat.screenshot(`top-${session}-${colorScheme}`);
    };
    if (colorScheme === 'light') {
      await post('top-short', 2);
      await post('top-trimmed', 70);
    }
    await topOf('top-short', 'redis', 'The session begins here.');
    await topOf('top-trimmed', 'redis', 'Older messages are not kept: Redis has the newest ones only.');
    await topOf('top-local', 'localStorage', 'This browser has no older messages.');
    await topOf('top-none', 'none', 'Nothing is kept: what was said before the page was opened is not shown.');
    await chat.page.evaluate(() => {
      const messages = Array.from({ length: 500 }, (_, n) => ({
        id: `m${n}`,
        content: `number ${n}`,
        sender: 's',
        timestamp: Date.now() - 1_000_000 + n,
      }));
      localStorage.setItem('holdfast:top-kept:messages', JSON.stringify(messages));
    });
    await addSession(chat, 'top-kept', 'localStorage');
    await chat.send('one too many');
    await chat.sees('one too many');
    await eventually('the oldest message to be left out', async () =>
      ((await stored(chat, 'holdfast:top-kept:messages')) ?? '').startsWith('[{"trimmed":true}'),
    );
    await chat.page.reload();
    await chat.sees('one too many');
    for (let step = 0; step < 2; step++) {
      await chat.messages.evaluate((list) => list.scrollTo(0, 0));
      await chat.page.getByRole('button', { name: 'Go to the newest message' }).waitFor();
      await chat.page.getByRole('button', { name: 'Show earlier messages' }).click();
    }
    await chat.messages.evaluate((list) => list.scrollTo(0, 0));
    await chat.messages.getByText('Older messages are not kept: this browser has the newest ones only.').waitFor();
    await chat.screenshot(`top-kept-${colorScheme}`);
  });
});
