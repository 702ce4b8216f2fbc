import { describe, expect, it } from 'vitest';
import { gateway, SECRET, setUpTokenGateway, tokenOf, world } from '../../test/support/token-gateway.js';

setUpTokenGateway();

describe('an upgrade request', () => {
  it('U6, C4: is refused with 401 without a token, and with one that does not count', async () => {
    const query = 'session=team-1';
    const answers = await Promise.all([
      gateway.ask({ query }),
      gateway.ask({ query, authorization: 'Basic YW5uOnNlY3JldA==' }),
      gateway.ask({ query, authorization: `Bearer ${await tokenOf({}, 'another-secret-of-thirty-two-bytes')}` }),
      gateway.ask({ query: `${query}&token=${await tokenOf({ ttl: -1 })}` }),
      gateway.ask({ query: `${query}&token=none` }),
    ]);
    expect(answers).toEqual(
      answers.map(() => ({ status: 401, body: { success: false, code: 'unauthorized', error: expect.any(String) } })),
    );
  });

  it('U6: may carry its token in a header, in the query, or beside the subprotocol, which is not answered with it', async () => {
    const token = await tokenOf();
    const query = 'session=team-1';
    const framed = 'holdfast.v1';
    const accepted = await Promise.all([
      gateway.ask({ query, protocolHeader: framed, authorization: `Bearer ${token}` }),
      gateway.ask({ query, protocolHeader: framed, authorization: `bearer  ${token} ` }),
      gateway.ask({ query: `${query}&token=${token}`, protocolHeader: framed }),
      gateway.ask({ query, protocolHeader: `${framed}, bearer.${token}` }),
      gateway.ask({ query, protocolHeader: `bearer.${token},${framed}` }),
      gateway.ask({ query, authorization: `Bearer ${token}` }),
    ]);
    const chosen = accepted.map((answer) => ('open' in answer ? answer.subprotocol : answer.status));
    expect(chosen).toEqual([framed, framed, framed, framed, framed, '']);
    expect(await gateway.ask({ query, protocolHeader: `bearer.${token}` })).toMatchObject({ status: 400 });
  });

  it('U6: the header counts before the subprotocol, and that before the query', async () => {
    const good = await tokenOf();
    const places = (authorization: string, offered: string, query: string) =>
      gateway.ask({
        authorization: `Bearer ${authorization}`,
        protocolHeader: `holdfast.v1, bearer.${offered}`,
        query: `session=team-1&token=${query}`,
      });
    expect('open' in (await places(good, 'bad', 'bad'))).toBe(true);
    expect(await places('bad', good, good)).toMatchObject({ status: 401 });
    const offered = await gateway.ask({
      protocolHeader: 'holdfast.v1, bearer.bad',
      query: `session=team-1&token=${good}`,
    });
    expect(offered).toMatchObject({ status: 401 });
  });

  it('U6, C4: is refused with 400, 401 and 403 in this order, and with 403 for every session but those of its token', async () => {
    const token = await tokenOf();
    const origin = 'https://evil.example';
    const ask = async (query: string, more = {}) => {
      const answer = await gateway.ask({ query, ...more });
      return 'open' in answer ? 101 : answer.status;
    };
    expect(await ask('session=a%20b&token=bad', { origin })).toBe(400);
    expect(await ask('session=team-1&token=bad', { origin })).toBe(401);
    expect(await ask(`session=team-1&token=${token}`, { origin })).toBe(403);
    expect(await ask(`session=other&token=${token}`)).toBe(403);
    expect(await ask(`session=team&token=${token}`)).toBe(403);
    expect(await ask(`session=team-1&token=${token}`)).toBe(101);
    // A session of its own gets an id that nobody knows before.
    expect(await ask(`token=${token}`)).toBe(403);
    expect(await ask(`token=${await tokenOf({ sessions: ['*'] })}`)).toBe(101);
  });

  it.each([
    ['', 403],
    ['write', 403],
    ['read', 101],
    ['admin', 101],
  ])('U4: with the scope "%s" is answered with %d', async (scope, status) => {
    const answer = await gateway.ask({ query: `session=team-1&token=${await tokenOf({ scope })}` });
    expect('open' in answer ? 101 : answer.status).toBe(status);
  });

  it('C4: whose client goes away while its token is checked takes nobody a place', async () => {
    const limited = world.gateway({ AUTH_JWT_SECRET: SECRET, MAX_CONNECTIONS_PER_IP: '1' });
    const query = `session=team-1&token=${await tokenOf()}`;
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await limited.ask({ query });
      expect('open' in answer).toBe(true);
      if ('abandon' in answer) answer.abandon();
    }
    await limited.enter('team-1', await tokenOf());
    expect(await limited.ask({ query })).toMatchObject({ status: 429 });
  });

  it('C4: whose token was checked while the gateway began to drain is refused', async () => {
    const answer = gateway.ask({ query: `session=team-1&token=${await tokenOf()}` });
    void gateway.core.drain();
    expect(await answer).toMatchObject({ status: 503, body: { code: 'draining' } });
  });

  it("U2, C4: is refused with 503 while the issuer's keys are not known", async () => {
    const waiting = world.gateway({ AUTH_JWKS_URL: 'http://127.0.0.1:9/keys' });
    const header = Buffer.from('{"alg":"ES256","kid":"1"}').toString('base64url');
    const answer = await waiting.ask({ query: `session=team-1&token=${header}.e30.AAAA` });
    expect(answer).toMatchObject({ status: 503, retryAfterSeconds: 5, body: { code: 'tokens_unavailable' } });
  });
});

describe('the sender of a message', () => {
  it('C7: is the sub alone, whatever secret the client has', async () => {
    const [one, two] = [await tokenOf(), await tokenOf({ sub: 'bob@example.org' })];
    const ann = await gateway.enter('team-1', one, { client: 'a-secret-of-ann-1' });
    const bob = await gateway.enter('team-1', two);
    expect([ann.welcome['sender'], bob.welcome['sender']]).toEqual(['ann', 'bob@example.org']);
    ann.say('m1');
    bob.say('m2');
    await world.settle();
    expect(ann.ofType('message').map(({ sender }) => sender)).toEqual(['ann', 'bob@example.org']);
  });

  it("U7, A4: somebody else's id and secret neither suppress a message nor reveal that it exists", async () => {
    const client = 'the-same-secret-of-both';
    const ann = await gateway.enter('team-1', await tokenOf(), { client });
    ann.say('m1', "ann's own");
    await world.settle();
    const eve = await gateway.enter('team-1', await tokenOf({ sub: 'eve' }), { client });
    const retry = { type: 'send', id: 'm1', content: "ann's own", retry: true };
    eve.send(JSON.stringify(retry));
    eve.send(JSON.stringify({ ...retry, content: 'a forgery' }));
    await world.settle();
    // The first is a message of Eve's own, not an answer about Ann's; the second contradicts only that one.
    expect(eve.ofType('ack')).toEqual([]);
    expect(eve.ofType('message').map(({ id, sender, seq }) => [id, sender, seq])).toEqual([['m1', 'eve', 2]]);
    expect(eve.ofType('error').map(({ code }) => code)).toEqual(['id_conflict']);
    const before = await gateway.enter('team-2', await tokenOf({ sub: 'eve' }), { client });
    before.say('m9', 'first');
    await world.settle();
    const later = await gateway.enter('team-2', await tokenOf(), { client });
    later.say('m9', 'not suppressed');
    await world.settle();
    expect(later.contents).toEqual(['not suppressed']);
  });

  it('U7, A4: the retries of one user are recognised on another connection, also with another token', async () => {
    const client = 'a-secret-of-ann-1';
    const first = await gateway.enter('team-1', await tokenOf(), { client });
    first.say('m1', 'once');
    await world.settle();
    first.leave();
    const again = await gateway.enter('team-1', await tokenOf({ ttl: 90 }), { client });
    again.send(JSON.stringify({ type: 'send', id: 'm1', content: 'once', retry: true }));
    await world.settle();
    expect(again.ofType('ack')).toEqual([{ type: 'ack', id: 'm1', seq: 1 }]);
  });
});

it('U5: no line of the log and no answer has a token in it', async () => {
  const token = await tokenOf();
  const [head = '', claims = '', signature = ''] = token.split('.');
  const client = await gateway.enter('team-1', token);
  client.send(JSON.stringify({ type: 'auth', token: `${head}.${claims}.AAAA` }));
  await expect.poll(() => client.closeCode).toBe(4401);
  const refused = await gateway.ask({ query: `session=other&token=${token}` });
  const said = JSON.stringify([gateway.lines, client.received, refused]);
  for (const part of [claims, signature]) expect(said).not.toContain(part);
});
