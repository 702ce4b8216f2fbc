import type { ApiMetrics } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';

/** Counts every answer by its route as declared, never by an id. */
export function measureRequests(app: FastifyInstance, metrics: ApiMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const { url } = request.routeOptions;
    // Both prefixes are one route.
    const route = request.is404 ? undefined : url?.replace(/^\/chat\/api/, '/api');
    metrics.request(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
  });
}
