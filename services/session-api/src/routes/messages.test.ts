import { OutcomeUnknownError, SessionCorruptError } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_BYTES, rejectingStore, START_MS, store, type TestApp, testApp } from '../../test/app-fixture.js';

const URL = '/chat/api/sessions/room/messages/';
let t: TestApp;
beforeEach(async () => {
  t = await testApp();
});
afterEach(() => t.app.close());

describe('GET sessions/{id}/messages/', () => {
  it('view=pairs: each message with the two faces the original guides show, in order', async () => {
    await store(t.sessions, 'room', 'Hello Redis!');
    const answer = await t.call('GET', URL);
    expect(answer.statusCode).toBe(200);
    const face = { timestamp: START_MS, sessionId: 'room', seq: 1, id: 'm-1' };
    expect(answer.json()).toEqual({
      success: true,
      session_id: 'room',
      messages: [
        { content: 'Hello Redis!', isSent: true, ...face },
        { content: 'Message #1: Hello Redis!', isSent: false, ...face },
      ],
      count: 2,
      has_more: false,
    });
  });

  it('view=log: each message as in V2', async () => {
    await store(t.sessions, 'room', 'one', 'zwei "2" \n €');
    const answer = (await t.call('GET', `${URL}?view=log`)).json();
    expect(answer.messages).toEqual([
      { type: 'message', seq: 1, id: 'm-1', content: 'one', sender: 'ann', timestamp: START_MS },
      { type: 'message', seq: 2, id: 'm-2', content: 'zwei "2" \n €', sender: 'ann', timestamp: START_MS },
    ]);
    expect(answer).toMatchObject({ count: 2, has_more: false });
  });

  it('F9: parallel callers share one read of a page, and each has what was stored before it asked', async () => {
    await store(t.sessions, 'room', 'a', 'b');
    const read = vi.spyOn(t.sessions, 'read');
    const answers = await Promise.all(Array.from({ length: 30 }, () => t.call('GET', `${URL}?view=log`)));
    expect(answers.map((answer) => answer.json().count)).toEqual(Array(30).fill(2));
    expect(read.mock.calls.length).toBeLessThan(10);
    await t.call('POST', URL, { content: 'mine' });
    const seen = t.call('GET', `${URL}?view=log`);
    await t.call('POST', URL, { content: 'mine too' });
    expect((await seen).json().count).toBeGreaterThanOrEqual(3);
    expect((await t.call('GET', `${URL}?view=log`)).json().count).toBe(4);
  });

  it('a session that does not exist has an empty list', async () => {
    const answer = await t.call('GET', '/chat/api/sessions/test-session/messages/');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      success: true,
      session_id: 'test-session',
      messages: [],
      count: 0,
      has_more: false,
    });
  });

  it('after_seq and limit count stored messages; has_more tells when there are more after the last', async () => {
    await store(t.sessions, 'room', 'a', 'b', 'c', 'd', 'e');
    const seqs = async (query: string) => {
      const { messages, count, has_more: more } = (await t.call('GET', `${URL}?view=log&${query}`)).json();
      expect(count).toBe(messages.length);
      return [messages.map((message: { seq: number }) => message.seq), more];
    };
    expect(await seqs('limit=2')).toEqual([[1, 2], true]);
    expect(await seqs('limit=2&after_seq=2')).toEqual([[3, 4], true]);
    expect(await seqs('limit=2&after_seq=3')).toEqual([[4, 5], false]);
    expect(await seqs('after_seq=5')).toEqual([[], false]);
    expect(await seqs('after_seq=99')).toEqual([[], false]);
    expect((await t.call('GET', `${URL}?limit=2`)).json()).toMatchObject({ count: 4, has_more: true });
  });

  it.each(['pairs', 'log'])(
    'H4: a page ends at 1 MiB of messages as well, and next leads through all of them (view=%s)',
    async (view) => {
      const content = (seq: number) => `${seq} ${'\u0001'.repeat(16_000)}`;
      for (let from = 1; from <= 50; from += 10) {
        await store(t.sessions, 'room', ...Array.from({ length: 10 }, (_, i) => content(from + i)));
      }
      const found: { seq: number; content: string; isSent?: boolean }[] = [];
      let pages = 0;
      for (let next: number | undefined = 0; next !== undefined; pages += 1) {
        const answer = await t.call('GET', `${URL}?view=${view}&limit=10000&after_seq=${next}`);
        expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
        const page = answer.json();
        const last = page.has_more ? ['next'] : [];
        expect(Object.keys(page)).toEqual(['success', 'session_id', 'messages', 'count', 'has_more', ...last]);
        expect(page.count).toBe(page.messages.length);
        found.push(...page.messages);
        expect(page.next).toBe(page.has_more ? found.at(-1)?.seq : undefined);
        expect(answer.body.length).toBeLessThan(2.2 * 1_048_576);
        next = page.next;
      }
      expect(pages).toBeGreaterThan(4);
      const sent = found.filter(({ isSent = true }) => isSent);
      expect(sent.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
      for (const { seq, content: text } of sent) expect(text).toBe(content(seq));
    },
  );

  it('H4: one message that is larger than a page comes alone', async () => {
    await store(t.sessions, 'room', 'a', '\u0001'.repeat(200_000), 'b');
    const seqs = async (afterSeq: number) => {
      const page = (await t.call('GET', `${URL}?view=log&after_seq=${afterSeq}`)).json();
      return [page.messages.map(({ seq }: { seq: number }) => seq), page.next];
    };
    expect(await seqs(0)).toEqual([[1], 1]);
    expect(await seqs(1)).toEqual([[2], 2]);
    expect(await seqs(2)).toEqual([[3], undefined]);
  });

  it('HEAD answers as GET without a body', async () => {
    await store(t.sessions, 'room', 'a');
    const answer = await t.call('HEAD', URL);
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });

  it.each([
    ['after_seq', '-1'],
    ['after_seq', 'x'],
    ['after_seq', '9007199254740993'],
    ['limit', '0'],
    ['limit', '10001'],
    ['view', 'both'],
    ['view', ''],
  ])('H3: refuses %s=%s by its name', async (field, value) => {
    const answer = await t.call('GET', `${URL}?${field}=${value}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${field} must be `));
    expect(answer.json().session_id).toBe('room');
  });

  it.each(['"content":"x"', '"content":5,"sender":"a","timestamp":1}', 'garbage'])(
    'A6: an entry that is no message (%s) is 409 session_corrupt, not 500',
    async (body) => {
      const sessions = rejectingStore();
      sessions.read = async () => ({ firstSeq: 1, entries: [{ seq: 1, id: 'm', senderKey: '', body }] });
      const broken = await testApp({ sessions });
      const answer = await broken.call('GET', URL);
      expect(answer.statusCode).toBe(409);
      expect(answer.json()).toMatchObject({ code: 'session_corrupt', session_id: 'room' });
      await broken.app.close();
    },
  );
});

describe('POST sessions/{id}/messages/', () => {
  it('stores and answers seq and id; the sender is server unless given', async () => {
    const first = await t.call('POST', URL, { content: 'hi', id: 'x-1' });
    expect(first.statusCode).toBe(200);
    expect(first.json()).toEqual({ success: true, session_id: 'room', seq: 1, id: 'x-1' });
    const second = (await t.call('POST', URL, { content: 'ho', sender: 'Ann "A" Ω' })).json();
    expect(second).toMatchObject({ seq: 2 });
    expect(second.id).toMatch(/^[0-9a-f-]{36}$/);
    const log = (await t.call('GET', `${URL}?view=log`)).json().messages;
    expect(log).toMatchObject([
      { seq: 1, id: 'x-1', content: 'hi', sender: 'server' },
      { seq: 2, content: 'ho', sender: 'Ann "A" Ω' },
    ]);
  });

  it('G3: a session that does not exist is created, and the log says so once', async () => {
    await t.call('POST', URL, { content: 'hi' });
    await t.call('POST', URL, { content: 'ho' });
    expect(t.lines).toEqual(['INFO: Session stored in Redis: room, TTL: 3600s']);
  });

  it('A4: the same id of the same sender again answers the same seq and stores nothing', async () => {
    const send = async (body: object) => (await t.call('POST', URL, body)).json().seq;
    expect(await send({ content: 'a', id: 'x' })).toBe(1);
    expect(await send({ content: 'b', id: 'y' })).toBe(2);
    expect(await send({ content: 'a', id: 'x' })).toBe(1);
    expect(await send({ content: 'a', id: 'x', sender: 'someone else' })).toBe(3);
    const together = await Promise.all([1, 2, 3].map(() => send({ content: 'c', id: 'z' })));
    expect(together).toEqual([4, 4, 4]);
    expect((await t.sessions.get('room'))?.count).toBe(4);
  });

  it('A4: the same id of the same sender with another content is 409, tells nothing of the first, and is not stored', async () => {
    await t.call('POST', URL, { content: 'a', id: 'x' });
    const answer = await t.call('POST', URL, { content: 'b', id: 'x' });
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toEqual({
      success: false,
      error: 'another message of this sender has this id and another content',
      code: 'id_conflict',
      session_id: 'room',
    });
    expect((await t.call('POST', URL, { content: 'b', id: 'x', sender: 'ann' })).json()).toMatchObject({ seq: 2 });
    expect((await t.call('GET', `${URL}?view=log`)).json().messages).toMatchObject([
      { content: 'a', sender: 'server' },
      { content: 'b', sender: 'ann' },
    ]);
  });

  it('D5: when Redis fails in the middle: 503 with the id to repeat, and the log says why', async () => {
    const cause = new OutcomeUnknownError("ERR can't run this command script: 8f2c, on @user_script:5.");
    const broken = await testApp({ sessions: rejectingStore(() => cause) });
    const answer = await broken.call('POST', URL, { content: 'what Ann wrote' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: 'storage_unavailable', id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const deleted = await broken.call('DELETE', '/chat/api/sessions/room/');
    expect(deleted.statusCode).toBe(503);
    expect(deleted.json().error).toMatch(/may be done or not/);
    expect(broken.lines.filter((line) => line.includes('Request failed'))).toHaveLength(2);
    expect(broken.lines.join('\n')).toContain("can't run this command");
    expect(broken.lines.join('\n')).not.toContain('what Ann wrote');
    await broken.app.close();
  });

  it('C6: empty is 400 by its name, too large 413 message_too_large, counted in UTF-8', async () => {
    const empty = await t.call('POST', URL, { content: '' });
    expect(empty.statusCode).toBe(400);
    expect(empty.json().error).toBe(`content must be a string of 1 to ${MAX_BYTES} bytes`);
    const fits = await t.call('POST', URL, { content: '€'.repeat(Math.floor(MAX_BYTES / 3)) });
    expect(fits.statusCode).toBe(200);
    const large = await t.call('POST', URL, { content: '€'.repeat(Math.ceil(MAX_BYTES / 3)) });
    expect(large.statusCode).toBe(413);
    expect(large.json()).toMatchObject({ code: 'message_too_large', session_id: 'room' });
  });

  it.each([
    ['content', {}],
    ['content', { content: 5 }],
    ['content', { content: null }],
    ['id', { content: 'a', id: '' }],
    ['id', { content: 'a', id: 'a b' }],
    ['id', { content: 'a', id: 'x'.repeat(65) }],
    ['id', { content: 'a', id: 7 }],
    ['sender', { content: 'a', sender: '' }],
    ['sender', { content: 'a', sender: 'x'.repeat(129) }],
    ['sender', { content: 'a', sender: {} }],
    ['sender', { content: 'a', sender: 'ann\ud800' }],
    ['sender', { content: 'a', sender: '\udc00\ud83d' }],
  ])('H3: names %s in %j', async (field, body) => {
    const answer = await t.call('POST', URL, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${field} must be `));
  });

  it('contents of any characters come back as they were', async () => {
    const content = '\u0000\u2028"\\\n</script>😀\ud800';
    await t.call('POST', URL, { content });
    expect((await t.call('GET', URL)).json().messages[0].content).toBe(content);
  });

  it.each([{ id: 'mine' }, {}])('D5: an unknown outcome is 503 with the id to repeat (%j)', async (given) => {
    const away = await testApp({ sessions: rejectingStore() });
    const answer = await away.call('POST', URL, { content: 'hi', ...given });
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json()).toMatchObject({ success: false, code: 'storage_unavailable', session_id: 'room' });
    expect(answer.json().id).toMatch('id' in given ? /^mine$/ : /^[0-9a-f-]{36}$/);
    await away.app.close();
  });

  it('409 session_corrupt when the store cannot read the session', async () => {
    const broken = await testApp({ sessions: rejectingStore(() => new SessionCorruptError('room')) });
    expect((await broken.call('POST', URL, { content: 'hi' })).json()).toMatchObject({ code: 'session_corrupt' });
    await broken.app.close();
  });
});
