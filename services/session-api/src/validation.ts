import { Ajv, type ErrorObject } from 'ajv';
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify';
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

/** Accepts bodies of JSON in UTF-8 only. An empty body counts as an object without fields. */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) return done(null, {});
    let text: string;
    try {
      text = utf8.decode(body);
    } catch {
      return done(new ApiError('bad_request', 'the body is not valid UTF-8'));
    }
    void parse(request, text, (error, value) => {
      if (error) done(new ApiError('bad_request', 'the body is not JSON'));
      else done(null, value);
    });
  });
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined) request.body = {};
  });
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
