import type { Config } from '@holdfast/config';
import { type Descriptors, limitConnections } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';
import { tokenVerifier } from './access.js';
import { buildApp } from './app.js';
import type { AppContext } from './app-context.js';

/** The API at its port, or at its two ports. */
export interface Listeners {
  /** Listens at every port. @returns the URLs, management last */
  listen(): Promise<readonly string[]>;
  /** Lets requests end that are under way, and closes what belongs to the API. */
  close(): Promise<void>;
}

/**
 * Builds the API for its settings: at one port, or at one for members and one for management (M4).
 *
 * @param ports `managementPort` absent: `port` is for both
 */
export async function buildListeners(
  context: AppContext,
  { host, port, managementPort }: Pick<Config, 'host' | 'port' | 'managementPort'>,
  descriptors: Descriptors,
): Promise<Listeners> {
  // One for both: an issuer is asked for its keys once.
  const tokens = tokenVerifier(context);
  const apps: [app: FastifyInstance, port: number][] = [];
  const isPublic = managementPort !== undefined;
  apps.push([await buildApp(context, { tokens, isPublic }), port]);
  if (isPublic) apps.push([await buildApp(context, { tokens }), managementPort]);
  for (const [app] of apps) limitConnections(app.server, descriptors);
  return {
    listen: async () => {
      const urls: string[] = [];
      for (const [app, each] of apps) urls.push(await app.listen({ host, port: each }));
      return urls;
    },
    close: async () => {
      await Promise.all(apps.map(([app]) => app.close()));
      tokens?.close();
    },
  };
}
