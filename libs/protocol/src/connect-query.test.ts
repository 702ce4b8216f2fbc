import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConnectRequest, chooseProtocol, parseConnectQuery } from './connect-query.js';
import { isClientSecret, isSendId, isSessionId } from './limits.js';

function accepted(query: string): ConnectRequest {
  const parsed = parseConnectQuery(query);
  if (!parsed.ok) throw new Error(`refused: ${parsed.error}`);
  return parsed.request;
}

function refusedField(query: string): string {
  const parsed = parseConnectQuery(query);
  if (parsed.ok) throw new Error(`accepted: ${query}`);
  expect(parsed.error).toContain(parsed.field === 'query' ? 'query string' : `${parsed.field} must be`);
  return parsed.field;
}

describe('parseConnectQuery', () => {
  it('C1: an empty query asks for a new session that is not stored, without presence', () => {
    expect(accepted('')).toEqual({ redisPersistence: false, presence: false });
  });

  it('C1: reads every field', () => {
    const secret = 'a'.repeat(16);
    expect(
      accepted(
        `session=room.1&redis_persistence=true&presence=true&token=a.b&client=${secret}&last_seq=7&last_id=m-7&epoch=17.x`,
      ),
    ).toEqual({
      sessionId: 'room.1',
      redisPersistence: true,
      presence: true,
      token: 'a.b',
      client: secret,
      resume: { lastSeq: 7, lastId: 'm-7', epoch: '17.x' },
    });
  });

  it('C1: percent-escapes are decoded, unknown fields ignored, and of a field given twice the first counts', () => {
    expect(accepted('session=a%2Eb&future=1&session=c&&')).toMatchObject({ sessionId: 'a.b' });
  });

  it('C1: a broken escape is refused', () => {
    expect(refusedField('session=%zz')).toBe('query');
    expect(refusedField('%=1')).toBe('query');
  });

  it('C2: takes session ids of 1 and of 128 characters, all of the alphabet', () => {
    for (const id of ['a', '...', 'AZaz09._~-', 'x'.repeat(128)]) {
      expect(accepted(`session=${id}`)).toMatchObject({ sessionId: id });
    }
  });

  it.each([
    '',
    'x'.repeat(129),
    'a b',
    'a+b',
    'a/b',
    'a%2Fb',
    'a%00',
    '%C3%A9',
    'a:b',
    '{a}',
    'a%0A',
    '.',
    '..',
    '%2e',
    '.%2E',
  ])('C2: refuses the session id %j', (id) => {
    expect(refusedField(`session=${id}`)).toBe('session');
  });

  it.each(['yes', '1', '', 'TRUE', 'true '])('C2: refuses the flag %j', (flag) => {
    expect(refusedField(`redis_persistence=${flag}`)).toBe('redis_persistence');
    expect(refusedField(`presence=${flag}`)).toBe('presence');
  });

  it.each(['', '-1', '1.5', '1e3', 'x', '9007199254740992', '99999999999999999', ' 1', '+1'])(
    'C2: refuses the last_seq %j',
    (seq) => {
      expect(refusedField(`last_seq=${seq}`)).toBe('last_seq');
    },
  );

  it('C2: takes last_seq up to 2^53 - 1', () => {
    expect(accepted('last_seq=9007199254740991').resume).toEqual({ lastSeq: Number.MAX_SAFE_INTEGER });
  });

  it.each(['x'.repeat(65), 'a b', 'a/b'])('C2: refuses the last_id %j', (id) => {
    expect(refusedField(`last_seq=1&last_id=${id}`)).toBe('last_id');
    expect(refusedField(`last_id=${id}`)).toBe('last_id');
  });

  it.each(['x'.repeat(65), 'a b', 'a/b'])('C2: refuses the epoch %j', (epoch) => {
    expect(refusedField(`last_seq=1&epoch=${epoch}`)).toBe('epoch');
  });

  it.each(['', 'short', 'x'.repeat(15), 'x'.repeat(65), `${'x'.repeat(16)} `])(
    'C2: refuses the client %j',
    (client) => {
      expect(refusedField(`client=${client}`)).toBe('client');
    },
  );

  it('R3: without last_seq nothing is resumed, whatever else is given', () => {
    expect(accepted('last_id=m-1&epoch=e')).not.toHaveProperty('resume');
  });

  it('R3: last_seq=0 without an epoch asks for the kept history', () => {
    expect(accepted('last_seq=0&last_id=&epoch=').resume).toEqual({ lastSeq: 0 });
  });

  it('C2: an error never repeats the token', () => {
    const parsed = parseConnectQuery('token=s3cret&session=a/b');
    expect(JSON.stringify(parsed)).not.toContain('s3cret');
  });

  it('C1, C2: whatever arrives is a request of valid fields or names the bad one, and never throws', () => {
    const name = fc.constantFrom(
      'session',
      'redis_persistence',
      'presence',
      'token',
      'client',
      'last_seq',
      'last_id',
      'epoch',
    );
    const value = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 140 }),
      fc.string({ maxLength: 20 }),
      fc.constantFrom('true', 'false', '7', 'abc', 'a'.repeat(20)),
    );
    const pair = fc.tuple(name, value, fc.boolean()).map(([field, raw, encode]) => {
      return `${field}=${encode ? encodeURIComponent(raw) : raw}`;
    });
    const query = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.array(pair, { maxLength: 8 }).map((pairs) => pairs.join('&')),
    );
    fc.assert(
      fc.property(query, (text) => {
        const parsed = parseConnectQuery(text);
        if (!parsed.ok) {
          expect(parsed.error).toContain(parsed.field);
          return;
        }
        const { sessionId, client, resume } = parsed.request;
        if (sessionId !== undefined) expect(isSessionId(sessionId)).toBe(true);
        if (client !== undefined) expect(isClientSecret(client)).toBe(true);
        if (resume) expect(Number.isSafeInteger(resume.lastSeq) && resume.lastSeq >= 0).toBe(true);
        if (resume?.lastId !== undefined) expect(isSendId(resume.lastId)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('chooseProtocol', () => {
  it.each(['', '  '])('C3: no offer (%j) means the plain protocol', (header) => {
    expect(chooseProtocol(header)).toBe('plain');
  });

  it.each(['holdfast.v1', 'graphql-ws, holdfast.v1', 'holdfast.v1,other', ' holdfast.v1 '])(
    'C3: %j offers the framed protocol',
    (header) => {
      expect(chooseProtocol(header)).toBe('framed');
    },
  );

  it.each(['graphql-ws', 'holdfast.v2', 'HOLDFAST.V1', 'holdfast.v1x', ',', 'a,b'])('C3: %j is refused', (header) => {
    expect(chooseProtocol(header)).toBeUndefined();
  });

  it('C3: whatever is offered is plain, framed or refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(fc.string()).map((names) => names.join(',')),
        ),
        (header) => {
          const framed = header.split(',').some((name) => name.trim() === 'holdfast.v1');
          const plain = header.trim() === '';
          expect(chooseProtocol(header)).toBe(plain ? 'plain' : framed ? 'framed' : undefined);
        },
      ),
    );
  });
});
