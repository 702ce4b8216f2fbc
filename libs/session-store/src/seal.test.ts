import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLive, encodeSessionEvent, encodeSignal, encodeStored, encodeUnstored } from './live-payload.js';
import { storedFrame, unstoredFrame } from './message-format.js';
import type { LogEntry } from './port.js';
import { SEALED, Seal } from './seal.js';
import { openBody, openCustom, sealCustom, sealEntry } from './sealed-message.js';
import { openPayload, sealPayload } from './sealed-payload.js';

const key = (kid: string) => ({ kid, key: createHash('sha256').update(kid).digest() });
const seal = new Seal([key('new'), key('old')]);
const fail = () => {
  throw new Error('it cannot be opened');
};
/** Every text of UTF-8: a token can hold no lone surrogate. */
const text = fc.string({ unit: 'binary' });
const sessionId = fc.stringMatching(/^[A-Za-z0-9._~-]{1,40}$/);

function entryOf(content: string, sender = 'ana', id = 'm1'): LogEntry {
  const body = `"content":${JSON.stringify(content)},"sender":${JSON.stringify(sender)},"timestamp":1700000000000}`;
  return { seq: 7, id, senderKey: 'k', body };
}

describe('Seal', () => {
  it('E1: opens every text that it has sealed, where it was sealed and nowhere else', () => {
    fc.assert(
      fc.property(sessionId, text, text, fc.boolean(), (id, bound, content, isFresh) => {
        const token = seal.seal(id, bound, content, isFresh);
        expect(token).toMatch(SEALED);
        expect(seal.open(id, bound, token)).toEqual({ text: content });
        expect(seal.open(`${id}x`, bound, token)).toEqual({ fault: 'not_authentic' });
        expect(seal.open(id, `${bound}x`, token)).toEqual({ fault: 'not_authentic' });
      }),
    );
  });

  it('E1: a changed byte, a cut token and any other text are told, and nothing throws', () => {
    const token = seal.seal('s', 'b', 'hello');
    for (let at = 4; at < token.length; at++) {
      // The last two bits of the last character are not part of the bytes.
      const other = token[at] === 'A' ? 'Z' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(seal.open('s', 'b', changed), String(at)).toEqual({ fault: 'not_authentic' });
    }
    for (let length = 4; length < token.length; length++) {
      expect(seal.open('s', 'b', token.slice(0, length))).toEqual({ fault: 'not_authentic' });
    }
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((rest) => `new.${rest}`),
        ),
        (any) => {
          expect(seal.open('s', 'b', any).fault).toBeDefined();
        },
      ),
    );
  });

  it('E1: reads what any of its keys has sealed, writes with the first, and says when a key is missing', () => {
    const old = new Seal([key('old')]);
    const token = old.seal('s', 'b', 'x');
    expect(seal.open('s', 'b', token)).toEqual({ text: 'x' });
    expect(seal.seal('s', 'b', 'x')).toMatch(/^new\./);
    expect(new Seal([key('new')]).open('s', 'b', token)).toEqual({ fault: 'key_missing' });
    // The name of a key is not the key.
    const impostor = new Seal([{ kid: 'old', key: key('other').key }]);
    expect(impostor.open('s', 'b', token)).toEqual({ fault: 'not_authentic' });
    expect([new Seal().seals, new Seal().isOn]).toEqual([false, false]);
    expect([new Seal([key('a')], false).seals, new Seal([key('a')], false).isOn]).toEqual([false, true]);
  });

  it('E1: the same message has the same token, and no two messages have the same nonce', () => {
    const nonces = new Set<string>();
    for (const id of ['s', 't']) {
      for (let n = 0; n < 1_000; n++) {
        const token = seal.seal(id, `message ${n}`, 'the same text');
        expect(seal.seal(id, `message ${n}`, 'the same text')).toBe(token);
        nonces.add(token.slice(4, 20));
      }
    }
    expect(nonces.size).toBe(2_000);
    expect(seal.seal('s', 'b', 'x', true)).not.toBe(seal.seal('s', 'b', 'x', true));
  });
});

describe('a sealed message', () => {
  it('E1: comes out byte for byte, whatever content and sender are', () => {
    fc.assert(
      fc.property(sessionId, text, text, (id, content, sender) => {
        const entry = entryOf(content, sender);
        const sealed = sealEntry(seal, id, entry);
        expect(sealed.body).toMatch(/^"sealed":"new\.[\w-]+","sender":/);
        expect(openBody(seal, id, sealed, fail)).toBe(entry.body);
      }),
    );
  });

  it('E1: opens under no other id, sender key, sender or session, and says so', () => {
    const sealed = sealEntry(seal, 's', entryOf('secret'));
    const told: string[] = [];
    const open = (session: string, entry: LogEntry) => openBody(seal, session, entry, (fault) => told.push(fault));
    for (const [session, entry] of [
      ['t', sealed],
      ['s', { ...sealed, id: 'm2' }],
      ['s', { ...sealed, senderKey: 'z' }],
      ['s', { ...sealed, body: sealed.body.replace('"sender":"ana"', '"sender":"eve"') }],
    ] as const) {
      const body = open(session, entry);
      expect(body).toMatch(/^"content":"","error":"not_authentic","sealed":"new\.[\w-]+","sender":/);
      // Whoever puts it back into the log puts back what was there.
      expect(sealEntry(seal, session, { ...entry, body }).body).toBe(entry.body);
    }
    expect(told).toEqual(Array(4).fill('not_authentic'));
  });

  it('E1: one that is not sealed stays as it is, also where its content looks sealed', () => {
    const { body } = entryOf('"sealed":"new.AAAA"');
    expect(openBody(seal, 's', entryOf('"sealed":"new.AAAA"'), fail)).toBe(body);
    expect(openBody(new Seal(), 's', { ...entryOf(''), body: 'of another program' }, fail)).toBe('of another program');
    expect(sealEntry(new Seal(), 's', entryOf('x'))).toEqual(entryOf('x'));
  });
});

describe('sealed custom data', () => {
  const json = fc.dictionary(text, fc.jsonValue({ stringUnit: 'binary' }));

  it('E1: comes out as it went in, and names and values are sealed', () => {
    fc.assert(
      fc.property(sessionId, json, (id, custom) => {
        const given = JSON.parse(JSON.stringify(custom));
        const sealed = sealCustom(seal, id, given);
        expect(Object.keys(sealed)).toHaveLength(Object.keys(given).length);
        for (const [name, value] of Object.entries(sealed)) {
          expect(name).toMatch(/^\$new\.[\w-]+$/);
          expect(value).toMatch(SEALED);
        }
        expect(openCustom(seal, id, sealed, fail)).toEqual(given);
      }),
    );
  });

  it('E1: a value belongs to its field; of two fields with one name the later one counts', () => {
    const told: string[] = [];
    const sealed = sealCustom(seal, 's', { a: 1, b: 2 });
    const [[a, one], [b, two]] = Object.entries(sealed) as [[string, unknown], [string, unknown]];
    const swapped = { [a]: two, [b]: one };
    expect(openCustom(seal, 's', swapped, (fault) => told.push(fault))).toEqual(swapped);
    expect(told).toEqual(['not_authentic', 'not_authentic']);
    const older = sealCustom(new Seal([key('old')]), 's', { a: 'before' });
    expect(openCustom(seal, 's', { clear: true, a: 'in clear', ...older, ...sealed }, fail)).toEqual({
      clear: true,
      a: 1,
      b: 2,
    });
  });
});

describe('sealed payloads', () => {
  const messages = ['one\n', 'zwei ü', ''].map((content, at) => {
    const { body } = entryOf(content, 'ana', `m${at}`);
    return { senderKey: 'k', frame: storedFrame(9 + at, `m${at}`, body) };
  });
  const payloads = {
    stored: encodeStored({ epoch: 'e', seq: 8, id: 'm' }, messages),
    'a position': encodeStored({ epoch: 'e', seq: 8, id: 'm' }, []),
    unstored: encodeUnstored(3, 'k', unstoredFrame('u1', entryOf('planted').body)),
    signal: encodeSignal('c1', '{"type":"signal","data":"planted"}'),
    event: encodeSessionEvent({ event: 'deleted', epoch: 'e' }),
  };

  it.each(Object.entries(payloads))('E1: %s: comes out byte for byte', (_name, payload) => {
    const sealed = Buffer.from(sealPayload(seal, 's', payload));
    expect(String(sealed)).not.toMatch(/planted|zwei/);
    expect(openPayload(seal, 's', sealed, fail).toString()).toBe(payload.toString());
    expect(Buffer.from(sealPayload(new Seal(), 's', payload))).toEqual(Buffer.from(payload));
  });

  it('E1: what another session, or a process without the key, gets is no message in clear', () => {
    const told: string[] = [];
    const note = (fault: string) => told.push(fault);
    const stored = Buffer.from(sealPayload(seal, 's', payloads.stored));
    const live = decodeLive(openPayload(seal, 't', stored, note));
    const frames = live?.kind === 'stored' ? live.messages.map(({ frame }) => JSON.parse(String(frame))) : [];
    expect(frames.map(({ seq, content, error }) => [seq, content, error])).toEqual(
      [9, 10, 11].map((seq) => [seq, '', 'not_authentic']),
    );
    expect(decodeLive(stored)).toBeUndefined();
    const signal = Buffer.from(sealPayload(seal, 's', payloads.signal));
    expect(decodeLive(openPayload(seal, 't', signal, note))).toBeUndefined();
    expect(told).toEqual(Array(4).fill('not_authentic'));
  });

  it('E1: any bytes are taken without a throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('e', 'x', 'm', 'e e 1 i\n', 'e e 99 i\nk\n{"sealed":"'),
        fc.uint8Array(),
        (head, bytes) => {
          openPayload(seal, 's', Buffer.concat([Buffer.from(head), bytes]), () => undefined);
        },
      ),
    );
  });
});
