import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiFailure, deleteSession, extendSession, fetchRemainingTtl, fetchStoredMessages } from './session-api.js';

function answer(body: object, status = 200) {
  const fetched = vi.fn((_url: string, _init: RequestInit) => Promise.resolve(Response.json(body, { status })));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

describe('the HTTP API, as the page calls it', () => {
  it('H1: reads stored messages where the original guides say', async () => {
    const messages = [{ content: 'Hello Redis!', timestamp: 1, isSent: true, sessionId: 's' }];
    const fetched = answer({ success: true, session_id: 's', messages, count: 1, has_more: false });
    expect(await fetchStoredMessages('s')).toEqual(messages);
    expect(fetched).toHaveBeenCalledWith('/chat/api/sessions/s/messages/', { method: 'GET' });
  });

  it('H4: reads all of them, page by page', async () => {
    const faces = (seq: number) =>
      [true, false].map((isSent) => ({ seq, isSent, content: '', timestamp: seq, sessionId: 's' }));
    const asked: string[] = [];
    vi.stubGlobal('fetch', (url: string) => {
      asked.push(url.slice('/chat/api'.length));
      const seq = asked.length;
      return Promise.resolve(Response.json({ success: true, messages: faces(seq), count: 2, has_more: seq < 3 }));
    });
    expect(await fetchStoredMessages('s')).toEqual([1, 2, 3].flatMap(faces));
    const path = '/sessions/s/messages/';
    expect(asked).toEqual([path, `${path}?after_seq=1`, `${path}?after_seq=2`]);
  });

  it('reads how long a session has to live', async () => {
    const data = { data: { count: 5 }, created_at: 1, ttl: 3600, remaining_ttl: 1800 };
    answer({ success: true, session_id: 's', data });
    expect(await fetchRemainingTtl('s')).toBe(1800);
  });

  it('extends a session by whole seconds', async () => {
    const fetched = answer({ success: true, session_id: 's', ttl: 7200, remaining_ttl: 7200 });
    expect(await extendSession('s', 7200)).toBe(7200);
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect([url, init?.method, init?.body]).toEqual(['/chat/api/sessions/s/extend/', 'POST', '{"ttl":7200}']);
  });

  it('deletes a session, also one that is gone', async () => {
    const fetched = answer({ success: false, code: 'session_not_found', error: 'no such session' }, 404);
    await deleteSession('s');
    expect(fetched).toHaveBeenCalledWith('/chat/api/sessions/s/delete/', { method: 'DELETE' });
  });

  it('H3: passes on the sentence and the code of a refusal', async () => {
    answer({ success: false, code: 'storage_unavailable', error: 'Redis is away' }, 503);
    await expect(deleteSession('s')).rejects.toEqual(new ApiFailure('storage_unavailable', 'Redis is away'));
  });

  it('says so when there is no answer, or none of ours', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502 })));
    await expect(fetchStoredMessages('s')).rejects.toMatchObject({ code: 'no_answer' });
  });
});
