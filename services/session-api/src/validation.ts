import { jsonProblem } from '@holdfast/protocol';
import { Ajv, type ErrorObject } from 'ajv';
import type { FastifyInstance, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { ApiError } from './errors.js';

/** Only the first mistake is named, so that input with a million mistakes costs no more than input with one. */
const OPTIONS = { allErrors: false, verbose: true, useDefaults: true, strict: true, strictTypes: false } as const;

/**
 * Validates input by the routes' schemas. Query and path are text, so numbers are parsed from them. A body has types:
 * there the string `"7200"` is not a number. The `description` of a property completes the sentence "NAME must be …"
 * (H3), so the caller and the OpenAPI page are told the same.
 */
export function validateBySchema(app: FastifyInstance): void {
  const typed = new Ajv(OPTIONS);
  const fromText = new Ajv({ ...OPTIONS, coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? typed : fromText).compile(schema as object),
  );
  app.setSchemaErrorFormatter((errors, part) => new Error(sentenceFor(errors[0], part)));
  // The schemas of answers are documentation. They do not filter what a route sends.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  readJson(app);
}

/** Accepts bodies of JSON in UTF-8 only, and none that would be kept other than it was sent (C8). An empty body counts as `{}`. */
function readJson(app: FastifyInstance): void {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => {
      if (body.length === 0) return {};
      const text = attempt(() => utf8.decode(body), 'the body is not valid UTF-8');
      const value = attempt(() => JSON.parse(text) as unknown, 'the body is not JSON');
      const problem = jsonProblem(text);
      if (problem !== undefined) throw new ApiError('bad_request', problem);
      return value;
    },
  );
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined) request.body = {};
  });
}

function attempt<T>(read: () => T, sentence: string): T {
  try {
    return read();
  } catch {
    throw new ApiError('bad_request', sentence);
  }
}

function sentenceFor(error: FastifySchemaValidationError | undefined, part: string): string {
  if (!error) return `the ${part} is not as described`;
  // With `verbose` Ajv adds the schema that was not met. Fastify's type does not have that field.
  const { instancePath, keyword, params, parentSchema } = error as ErrorObject;
  const path = instancePath.split('/').slice(1);
  if (keyword === 'required') {
    const missing = String(params['missingProperty']);
    return sentence([...path, missing], described(parentSchema?.['properties'], missing));
  }
  if (path.length === 0) return `the ${part} must be a JSON object`;
  return sentence(path, descriptionOf(parentSchema));
}

function sentence(path: readonly string[], allowed: string | undefined): string {
  return `${path.join('.')} must be ${allowed ?? 'as the API describes it'}`;
}

function described(properties: unknown, name: string): string | undefined {
  return descriptionOf((properties as Record<string, unknown> | undefined)?.[name]);
}

function descriptionOf(schema: unknown): string | undefined {
  const { description } = (schema ?? {}) as { description?: unknown };
  return typeof description === 'string' ? description : undefined;
}
