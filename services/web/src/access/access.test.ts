import { MemoryStorage } from '@holdfast/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const TOKEN = 'e30.e30.c2ln';
const REFUSAL = { success: false, code: 'unauthorized', error: 'the token has expired' };

/** The modules as a page loads them. */
async function loadPage() {
  vi.resetModules();
  return { ...(await import('./access.js')), ...(await import('../session-api.js')) };
}

function answerWith(status: number, body: object) {
  const fetched = vi.fn((_url: string, _init: RequestInit) => Promise.resolve(Response.json(body, { status })));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

let storage: MemoryStorage;

beforeEach(() => {
  storage = new MemoryStorage();
  vi.stubGlobal('sessionStorage', storage);
});

afterEach(() => vi.unstubAllGlobals());

describe('access', () => {
  it('U6: a page that nobody asks for tokens shows nothing of them, and sends none', async () => {
    const { currentAccess, findOutAccess, chatToken } = await loadPage();
    const fetched = answerWith(200, { success: true });
    await findOutAccess();
    expect([currentAccess().isAsked, chatToken()]).toEqual([false, '']);
    expect(fetched).toHaveBeenCalledWith('/chat/api/redis/status/', { method: 'GET' });
  });

  it.each([
    [503, { success: false, redis_connected: false }],
    [429, { success: false, code: 'rate_limited', error: 'slower' }],
  ])('U6: an answer of %d does not say that tokens are asked for', async (status, body) => {
    const { currentAccess, findOutAccess } = await loadPage();
    answerWith(status, body);
    await findOutAccess();
    expect(currentAccess().isAsked).toBe(false);
  });

  it('U6: the page learns from a refusal that it needs a token, sends it over HTTP, and keeps it for a reload', async () => {
    const page = await loadPage();
    answerWith(401, REFUSAL);
    await page.findOutAccess();
    expect(page.currentAccess()).toEqual({ isAsked: true, token: undefined, problem: undefined });
    page.signIn(TOKEN);
    const fetched = answerWith(200, { success: true, remaining_ttl: 7 });
    await page.extendSession('s', 7);
    expect(fetched.mock.calls[0]?.[1].headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
    expect(storage.getItem('holdfast-web:token')).toBe(TOKEN);

    const reloaded = await loadPage();
    answerWith(401, REFUSAL);
    await reloaded.findOutAccess();
    expect(reloaded.currentAccess()).toEqual({ isAsked: true, token: TOKEN, problem: undefined });
  });

  it('U6: a token that is refused is forgotten, with the sentence of the server', async () => {
    const { signIn, currentAccess, deleteSession } = await loadPage();
    signIn(TOKEN);
    answerWith(401, REFUSAL);
    await expect(deleteSession('s')).rejects.toThrow('the token has expired');
    expect(currentAccess()).toEqual({ isAsked: true, token: undefined, problem: 'the token has expired' });
    expect(storage.length).toBe(0);
  });

  it('U6: a refusal of an earlier token does not end the one that has come since', async () => {
    const { signIn, currentAccess, refused } = await loadPage();
    signIn('new');
    refused('old', 'the token has expired');
    expect(currentAccess()).toMatchObject({ token: 'new', problem: undefined });
  });

  it('U6: signing out forgets the token', async () => {
    const { signIn, signOut, currentAccess } = await loadPage();
    signIn(TOKEN);
    signOut();
    expect(currentAccess()).toEqual({ isAsked: true, token: undefined, problem: undefined });
    expect(storage.length).toBe(0);
  });

  it.each([
    ['two words', 200, /^This is no token/],
    ['a.b', 200, /^This is no token/],
    [TOKEN, 401, /^the token has expired$/],
    [TOKEN, 200, undefined],
    [TOKEN, 503, undefined],
  ])('U1: checks the token %s, answered with %d, before it is taken', async (token, status, sentence) => {
    const { checkToken, currentAccess } = await loadPage();
    answerWith(status, status === 401 ? REFUSAL : { success: status === 200 });
    const told = await checkToken(token);
    if (sentence) expect(told).toMatch(sentence);
    else expect(told).toBeUndefined();
    expect(currentAccess().token).toBeUndefined();
  });
});
