import { announcedRandom, runs } from '@holdfast/testkit';
import { Ajv, type AnySchema } from 'ajv';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../test/app-fixture.js';

/** What this test reads of a JSON schema. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}
interface Parameter {
  readonly in: 'path' | 'query';
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: AnySchema }>> }>>;
}
interface Row {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

let t: TestApp;
let rows: readonly Row[];
beforeAll(async () => {
  t = await testApp();
  const { paths } = (await t.call('GET', '/api/openapi.json')).json() as {
    paths: Record<string, Record<string, Operation>>;
  };
  rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
});
afterAll(() => t.app.close());

const ajv = new Ajv({ strict: false, allErrors: false, unicodeRegExp: true });

/** Ids of which some have a session already, so that rows about one find it. */
const KNOWN_IDS = ['room', 'third', 'other'];
const EXISTING_IDS = KNOWN_IDS.slice(0, 2);
/** Characters that mean something to URLs, JSON, Redis and Lua. */
const HOSTILE = [
  '',
  '.',
  '..',
  '../x',
  '{a}:log',
  '*',
  'a\nb',
  '\u0000',
  '%',
  '%2e%2e',
  '"',
  '__proto__',
  'x'.repeat(200),
];

const anyText = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer().map(String),
  fc.double().map(String),
);

/** Values that a schema takes. */
function valid(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1_000, max: Math.min(schema.maximum ?? 1_000, 2 ** 31 - 1) });
    case 'string': {
      const { minLength: min = 0, maxLength: max = 300 } = schema;
      // Every pattern of the document takes these.
      const unit = schema.pattern ? fc.constantFrom(...'aZ09._~-') : 'grapheme';
      const fits = new RegExp(schema.pattern ?? '', 'u');
      const drawn = fc
        .string({ unit, minLength: min, maxLength: Math.min(max, 128) })
        .filter((text) => fits.test(text));
      return name === 'session_id' ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...KNOWN_IDS) }, drawn) : drawn;
    }
    case 'object':
      return schema.properties ? body(schema) : fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue());
    default:
      return fc.jsonValue();
  }
}

/** Mostly what a schema takes, and sometimes anything. */
function mostly(schema: Schema, name: string, anything: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 4, arbitrary: valid(schema, name) }, { weight: 1, arbitrary: anything });
}

function body({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const anything = fc.oneof(fc.jsonValue(), anyText);
  const fields = Object.entries(properties).map(([name, schema]) => [name, mostly(schema, name, anything)] as const);
  const known = fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
  const odd = fc.dictionary(fc.oneof(anyText, fc.constantFrom('count', 'constructor')), fc.jsonValue(), { maxKeys: 2 });
  return fc
    .tuple(known, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: odd }), fc.nat(20))
    .map(([right, more, lacks]) => {
      const whole: Record<string, unknown> = { ...more, ...right };
      const lacking = required[lacks];
      if (lacking !== undefined) delete whole[lacking];
      return whole;
    });
}

interface Drawn {
  readonly row: Row;
  readonly parameters: readonly (readonly [Parameter, unknown])[];
  readonly body: unknown;
}

/** Requests to one row, right and wrong. */
function requests(row: Row): fc.Arbitrary<Drawn> {
  const { parameters = [], requestBody } = row.operation;
  const schema = requestBody?.content['application/json']?.schema;
  const drawn = parameters.map((parameter) =>
    fc.tuple(
      fc.constant(parameter),
      parameter.in === 'path'
        ? mostly(parameter.schema, parameter.name, anyText)
        : fc.option(mostly(parameter.schema, parameter.name, anyText), { nil: undefined }),
    ),
  );
  return fc.record({
    row: fc.constant(row),
    parameters: fc.tuple(...drawn),
    body: schema ? fc.oneof({ weight: 5, arbitrary: body(schema) }, fc.jsonValue()) : fc.constant(undefined),
  });
}

function urlOf({ row, parameters }: Drawn): string {
  const query = new URLSearchParams();
  let path = row.path;
  for (const [{ in: place, name }, value] of parameters) {
    if (value === undefined) continue;
    if (place === 'path') path = path.replace(`{${name}}`, () => encodeURIComponent(String(value)));
    else query.set(name, String(value));
  }
  return `/api${path}?${query}`;
}

/** Whether the document allows the request. Numbers stand as text in a URL. */
function isAllowed({ row, parameters, body: given }: Drawn): boolean {
  const schema = row.operation.requestBody?.content['application/json']?.schema;
  if (schema && !ajv.validate(schema, given)) return false;
  return parameters.every(([parameter, value]) => {
    if (value === undefined) return parameter.required !== true;
    const text = String(value);
    return ajv.validate(
      parameter.schema,
      parameter.schema.type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text,
    );
  });
}

describe('any request that the OpenAPI document describes, and any that it does not', () => {
  it('H2, H3: is answered as the document says, and never taken where the document forbids it', async () => {
    const { seed } = announcedRandom('any request');
    const seen = new Map<string, Set<number>>();
    for (const row of rows) {
      const statuses = new Set<number>();
      seen.set(`${row.method} ${row.path}`, statuses);
      const ask = async (drawn: Drawn): Promise<void> => {
        const url = urlOf(drawn);
        // Rows before this one have deleted them.
        for (const id of EXISTING_IDS) await t.sessions.open(id);
        const answer = await t.call(row.method, url, drawn.body);
        const { statusCode: status } = answer;
        statuses.add(status);
        expect(status, url).not.toBe(500);
        const response = row.operation.responses[status];
        // A path of other parts than the row's leads to no row, or to another one.
        const isRow = drawn.parameters.every(([{ in: place }, value]) => place !== 'path' || isOnePart(String(value)));
        if (!isRow) return;
        expect(response, `${status} of ${row.method} ${url} is not documented`).toBeDefined();
        const schema = response?.content?.['application/json']?.schema;
        const isRight = schema === undefined || ajv.validate(schema, answer.json());
        expect(isRight, `${row.method} ${url} answers ${answer.body}: ${ajv.errorsText()}`).toBe(true);
        if (!isAllowed(drawn))
          expect(status, `${row.method} ${url} ${JSON.stringify(drawn.body)}`).toBeGreaterThan(399);
      };
      await fc.assert(fc.asyncProperty(requests(row), ask), { seed, numRuns: runs(40) });
    }
    for (const [row, statuses] of seen) {
      const good = [...statuses].filter((status) => status < 300);
      expect(good.length, `${row} was never taken, only ${[...statuses].join(', ')}`).toBeGreaterThan(0);
    }
    expect(t.lines.filter((line) => line.includes('Request failed'))).toEqual([]);
  });

  it('H3: a method that the document does not have is answered with 405, and names those that it has', async () => {
    for (const path of new Set(rows.map((row) => row.path))) {
      const known = rows.filter((row) => row.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((each) => !known.includes(each))) {
        const answer = await t.call(method, `/api${path.replace(/\{\w+\}/, 'room')}`);
        expect([answer.statusCode, method, path]).toEqual([405, method, path]);
        const allowed = String(answer.headers['allow']).split(', ');
        expect(allowed.filter((each) => each !== 'HEAD' && each !== 'OPTIONS').toSorted()).toEqual(known.toSorted());
      }
    }
  });
});

/** Whether a value stays one part of a path, and is no step. */
function isOnePart(value: string): boolean {
  return value !== '' && value !== '.' && value !== '..';
}
