import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

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
      servers: [{ url: '/api' }, { url: '/chat/api' }],
      tags: [
        { name: 'sessions', description: 'Create, read, change, list and delete' },
        { name: 'messages', description: 'The history, and sending from a back end' },
        { name: 'broadcast', description: 'To every connection' },
        { name: 'redis', description: 'How the storage is' },
      ],
    },
  });
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
