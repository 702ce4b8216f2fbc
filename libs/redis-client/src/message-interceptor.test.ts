import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageInterceptor } from './message-interceptor.js';

const blob = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const message = (channel: string, payload: string, kind = '>'): string =>
  `${kind}3\r\n${blob('message')}${blob(channel)}${blob(payload)}`;

const OTHERS = [
  '+OK\r\n',
  ':12\r\n',
  '$-1\r\n',
  '-ERR no such thing\r\n',
  '*2\r\n*-1\r\n$3\r\n>3\r\r\n',
  `>3\r\n${blob('subscribe')}${blob('a')}:1\r\n`,
  `%1\r\n${blob('message')}*0\r\n`,
  `*3\r\n${blob('message')}${blob('not published')}:7\r\n`,
];

function intercepting(): { write(chunk: Buffer): void; heard: string[]; others(): string } {
  const heard: string[] = [];
  let others = '';
  const interceptor = new MessageInterceptor(
    (channel, payload) => heard.push(`${channel}: ${payload}`),
    (chunk) => {
      others += chunk.toString();
    },
  );
  return { write: (chunk) => interceptor.write(chunk), heard, others: () => others };
}

describe('the interceptor of published messages', () => {
  it('takes messages and passes on everything else, wherever the chunks are cut', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const entry = fc.oneof(
      fc.record({ channel: fc.constantFrom('a', '{session:x}:live'), payload: text, kind: fc.constantFrom('>', '*') }),
      fc.constantFrom(...OTHERS),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.array(fc.nat(60)), (entries, cuts) => {
        const { write, heard, others } = intercepting();
        const bytes = Buffer.from(
          entries
            .map((each) => (typeof each === 'string' ? each : message(each.channel, each.payload, each.kind)))
            .join(''),
        );
        let at = 0;
        for (const cut of cuts) {
          write(bytes.subarray(at, at + cut));
          at += cut;
        }
        write(bytes.subarray(at));
        const published = entries.filter((each) => typeof each !== 'string');
        expect(heard).toEqual(published.map(({ channel, payload }) => `${channel}: ${payload}`));
        expect(others()).toBe(entries.filter((each) => typeof each === 'string').join(''));
      }),
    );
  });

  it('passes on everything after the first value that it does not know', () => {
    const { write, heard, others } = intercepting();
    const unknown = `?what\r\n${message('a', 'never taken')}`;
    write(Buffer.from(message('a', 'taken') + unknown));
    write(Buffer.from(message('a', 'never taken')));
    expect(heard).toEqual(['a: taken']);
    expect(others()).toBe(unknown + message('a', 'never taken'));
  });
});
