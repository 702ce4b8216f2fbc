import type { FastifyInstance, RouteOptions } from 'fastify';
import { ApiError } from './errors.js';

/** Whether a path belongs to the API. Failures of the API are JSON and never the web page. */
export function isApiPath(path: string): boolean {
  return /^\/(?:chat\/)?api(?:\/|$)/.test(path);
}

/** The path of a request's URL, without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** The failure for a path that does not exist, or is not told to exist. */
export function nothingHere(): ApiError {
  return new ApiError('not_found', 'there is nothing at this path');
}

/** Most such paths are made of a variable that is empty: the sentence says what to look for. */
const EMPTY_PART = 'there is nothing at this path: it has an empty part (two slashes in a row)';

/** The failure for a request that no route takes: there is no such path, or not with this method. */
export type UnknownPath = (method: string, url: string) => ApiError;

/**
 * Notes every route that is added, to tell a wrong method on a known path from an unknown path (H3). Must be called
 * before the first route is added.
 */
export function watchPaths(app: FastifyInstance): UnknownPath {
  const paths = new Map<string, { pattern: RegExp; routes: RouteOptions[] }>();
  app.addHook('onRoute', (route) => {
    const { url } = route;
    if (url.includes('*')) return;
    const entry = paths.get(url) ?? { pattern: patternOf(url), routes: [] };
    entry.routes.push(route);
    paths.set(url, entry);
  });
  return (method, url) => {
    const path = pathOf(url);
    const allowed = new Set<string>();
    for (const { pattern, routes } of paths.values()) {
      if (!pattern.test(path)) continue;
      const here = routes.filter(({ config }) => config?.isElsewhere !== true);
      for (const name of here.flatMap((route) => route.method)) allowed.add(name);
    }
    if (path.includes('//')) return new ApiError('not_found', EMPTY_PART);
    if (allowed.size === 0) return nothingHere();
    const allow = [...allowed].sort().join(', ');
    return new ApiError('method_not_allowed', `${method} is not possible here, only ${allow}`, { headers: { allow } });
  };
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').filter((part) => part !== '');
  const pattern = parts.map((part) =>
    part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^/${pattern.join('/')}/?$`);
}
