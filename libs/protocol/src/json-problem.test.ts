import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonProblem } from './json-problem.js';

/** The value of a decimal as a fraction of whole numbers, which is exact: another way than the code under test goes. */
function fraction(source: string): { value: bigint; tens: number } {
  const [mantissa = '', exponent = '0'] = source.toLowerCase().split('e');
  const [whole = '', decimals = ''] = mantissa.split('.');
  return { value: BigInt(whole + decimals), tens: Number(exponent) - decimals.length };
}

function isSameDecimal(one: string, other: string): boolean {
  const [a, b] = [fraction(one), fraction(other)];
  if (a.value === 0n || b.value === 0n) return a.value === b.value;
  const low = Math.min(a.tens, b.tens);
  return a.value * 10n ** BigInt(a.tens - low) === b.value * 10n ** BigInt(b.tens - low);
}

const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength });
/** Any number that JSON can have, with few and with many digits, near to and far beyond what a double holds. */
const source = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(
      fc.constant('0'),
      digits(25).map((text) => text.replace(/^0+(?=.)/, '')),
    ),
    decimals: fc.oneof(
      fc.constant(''),
      digits(30).map((text) => `.${text}`),
    ),
    exponent: fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.integer({ min: 0, max: 400 }))
        .map((parts) => parts.join('')),
    ),
  })
  .map(({ sign, whole, decimals, exponent }) => `${sign}${whole}${decimals}${exponent}`);

describe('numbers', () => {
  it.each([
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '18446744073709551616',
    '1e400',
    '-1e400',
    '1e-400',
    '5e-325',
    '0.1000000000000000055511151231257827',
    '3.14159265358979323846264338327',
    '1.00000000000000000000000000001',
    '1e99999999999999999999',
  ])('C8: %s is refused', (number) => {
    expect(jsonProblem(`{"data":{"order":{"id":${number}}}}`)).toMatch(
      /^data\.order\.id must be a number that JavaScript keeps, or a string: /,
    );
  });

  it.each([
    '0',
    '-0',
    '0.0',
    '-0.0e7',
    '0e99999999999999999999',
    '1',
    '1.0',
    '1e2',
    '1E+2',
    '100e-2',
    '0.1',
    '0.10',
    '1.50',
    '9007199254740991',
    '9007199254740992',
    '9007199254740994',
    '1e23',
    '100000000000000000000000',
    '1.7976931348623157e308',
    '17976931348623157e292',
    '5e-324',
    '123456.789e3',
    '0.000001',
    '0.0000001',
  ])('C8: %s passes', (number) => {
    expect(jsonProblem(`{"data":{"order":{"id":${number}}}}`)).toBeUndefined();
  });

  it('C8: a number passes exactly when the decimal that JavaScript writes has the same value', () => {
    fc.assert(
      fc.property(source, (text) => {
        const kept = String(Number(text));
        const same = Number.isFinite(Number(text)) && isSameDecimal(kept, text);
        expect(jsonProblem(`[${text}]`) === undefined).toBe(same);
      }),
      { numRuns: 5_000 },
    );
  });

  it('C8: every number that JavaScript writes passes', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        for (const text of [JSON.stringify(number), number.toExponential()]) expect(jsonProblem(text)).toBeUndefined();
      }),
      { numRuns: 5_000 },
    );
  });

  it('C8: a problem says what the number would become', () => {
    expect(jsonProblem('{"id":9007199254740993}')).toBe(
      'id must be a number that JavaScript keeps, or a string: 9007199254740993 would become 9007199254740992',
    );
    expect(jsonProblem('{"id":1e400}')).toMatch(/1e400 would become Infinity$/);
  });
});

describe('keys', () => {
  it.each([
    ['{"a":1,"a":1}', 'a must be given only once'],
    ['{"data":{"a":1,"b":{"a":1},"\\u0061":2}}', 'data.a must be given only once'],
    ['{"data":[{},{"x":{},"x":{}}]}', 'data.1.x must be given only once'],
    ['{"":0,"":0}', 'the value must be given only once'],
    ['{"__proto__":{}}', '__proto__ must be left out: '],
    ['{"data":{"list":[0,{"\\u005f_proto__":1}]}}', 'data.list.1.__proto__ must be left out: '],
    ['{"data":{"constructor":{"prototype":{}}}}', 'data.constructor.prototype must be left out: '],
  ])('C8: %s', (text, problem) => {
    expect(jsonProblem(text)?.slice(0, problem.length)).toBe(problem);
  });

  it.each([
    '{"constructor":"Ferrari","prototype":"P90"}',
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '{"a":"__proto__","b":["__proto__","a","a"]}',
    '{"a":1,"A":1}',
    '{"text":"{\\"a\\":1e400,\\"a\\":2, \\\\"}',
  ])('C8: %s passes', (text) => {
    expect(jsonProblem(text)).toBeUndefined();
  });

  it('C8: a lone surrogate passes, because it comes back as its escape', () => {
    const text = '{"data":{"\\ud800":"\\udfff"}}';
    expect(jsonProblem(text)).toBeUndefined();
    expect(JSON.stringify(JSON.parse(text))).toBe(text);
  });
});

describe('any JSON', () => {
  const spaced = fc.tuple(fc.jsonValue(), fc.constantFrom(0, 1, '\t')).map(([value, space]) => {
    return JSON.stringify(value, undefined, space);
  });

  it('C8: what JavaScript wrote passes, whatever its strings hold', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        fc.pre(!text.includes('__proto__'));
        expect(jsonProblem(text)).toBeUndefined();
      }),
    );
  });

  it('C8: a bad number is found wherever it is, under its path', () => {
    const key = fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__' && name !== 'prototype');
    const step = fc.oneof(key, fc.nat({ max: 5 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (path) => {
        const text = path.reduceRight<string>(
          (inner, name) =>
            typeof name === 'number'
              ? `[${'"x{[,",'.repeat(name)}${inner}]`
              : `{ "${name === 'other' ? '' : 'other'}": [{}] , ${JSON.stringify(name)} : ${inner} }`,
          '1e400',
        );
        JSON.parse(text);
        const shown = path.join('.') || 'the value';
        expect(jsonProblem(text)).toBe(
          `${shown} must be a number that JavaScript keeps, or a string: 1e400 would become Infinity`,
        );
      }),
    );
  });

  it('C8: only the named field is looked at, when one is named', () => {
    const text = '{"other":1e400,"other":{"a":1,"a":2},"data":{"id":1}}';
    expect(jsonProblem(text, 'data')).toBeUndefined();
    expect(jsonProblem(text)).toMatch(/^other must be a number/);
    expect(jsonProblem('{"data":1,"data":2}', 'data')).toBe('data must be given only once');
  });

  it('C8: a path and a number are shortened, and no text takes longer than its length', () => {
    const long = jsonProblem(`{"${'k'.repeat(100_000)}":1${'0'.repeat(100_000)}1}`);
    expect(long?.length).toBeLessThan(400);
    const deep = `${'[{"a":'.repeat(50_000)}1e400${'}]'.repeat(50_000)}`;
    expect(jsonProblem(deep)).toMatch(/^0\.a\.0\.a.*… must be a number/);
    expect(jsonProblem(`"${'\\"\\\\'.repeat(100_000)}"`)).toBeUndefined();
  });
});
