import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { SECURITY_SCHEMES } from '../access.js';

/** Starts the OpenAPI document (H2). It describes the routes that are added after this call. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast session API',
        description:
          'Sessions, messages and broadcasts. Every path exists under `/api` and `/chat/api`, with and without its trailing slash.',
        version,
      },
      components: { securitySchemes: SECURITY_SCHEMES },
      servers: [{ url: '/api' }, { url: '/chat/api' }],
      tags: [
        { name: 'sessions', description: 'Create, read, change, list and delete' },
        { name: 'messages', description: 'The history, and sending from a back end' },
        { name: 'broadcast', description: 'To every connection' },
        { name: 'redis', description: 'How the storage is' },
      ],
    },
    transformObject: (document) =>
      'openapiObject' in document ? requireOnlyWhatIs(document.openapiObject) : document.swaggerObject,
  });
}

/** The parts of the document that tell what is required. */
interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly parameters?: { required?: boolean; readonly schema?: Schema }[];
  readonly requestBody?: {
    required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

interface Schema {
  readonly default?: unknown;
  required?: string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

/**
 * What has a default may be left out, and so may a body of which every field may. Routes read both as present, because
 * the validation fills them in.
 */
function requireOnlyWhatIs<T extends object>(document: T): T {
  const described = structuredClone(document);
  const operations = Object.values((described as Document).paths ?? {}).flatMap((path) => Object.values(path));
  for (const { parameters = [], requestBody } of operations) {
    for (const parameter of parameters) if (parameter.schema?.default !== undefined) parameter.required = false;
    if (!requestBody) continue;
    for (const { schema } of Object.values(requestBody.content)) {
      const required = schema.required?.filter((name) => schema.properties?.[name]?.default === undefined) ?? [];
      requestBody.required = required.length > 0;
      schema.required = required;
      if (required.length === 0) delete schema.required;
    }
  }
  return described;
}

/**
 * Serves `/api/openapi.json` and `/api/docs`. The page's scripts come from this host, so it works without the internet.
 */
export async function openApiRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    theme: { title: 'Holdfast session API' },
    // This layout leaves out the bar on top, which loads descriptions from any address.
    uiConfig: { docExpansion: 'list', tryItOutEnabled: true, layout: 'BaseLayout' },
  });
  for (const prefix of ['/api', '/chat/api']) {
    app.get(`${prefix}/openapi.json`, { schema: { hide: true } }, async () => app.swagger());
  }
  app.get('/chat/api/docs', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/api/docs/'));
}
