import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isApiPath, pathOf } from '../unknown-path.js';

/** For files that never change, because Vite puts a hash of their content into their names. */
const FOREVER = 'public, max-age=31536000, immutable';
/** Browsers may keep the file but ask for a newer one each time, so a new release is seen at once. */
const REVALIDATE = 'no-cache';

/** Answers with the web page if the request asks for a page. @returns whether it has answered */
export type ServePage = (request: FastifyRequest, reply: FastifyReply) => boolean;

/** Serves the built web UI at `/`. */
export async function webUiRoutes(app: FastifyInstance, webRoot: string | undefined): Promise<ServePage> {
  if (webRoot === undefined || !existsSync(join(webRoot, 'index.html'))) return () => false;
  await app.register(fastifyStatic, {
    root: webRoot,
    cacheControl: false,
    dotfiles: 'ignore',
    setHeaders: (reply, path) => {
      reply.header('cache-control', path.startsWith(join(webRoot, 'assets')) ? FOREVER : REVALIDATE);
    },
  });
  return (request, reply) => {
    if (!isPage(request)) return false;
    reply.sendFile('index.html');
    return true;
  };
}

/** Whether a request is for a page of the app, and not for a file or an API path that does not exist. */
function isPage({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const path = pathOf(url);
  if (isApiPath(path) || path.startsWith('/ws/') || /\.[^/]*$/.test(path)) return false;
  return (headers.accept ?? '').includes('text/html');
}
