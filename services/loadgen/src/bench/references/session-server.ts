import uws from 'uWebSockets.js';

/** What a reference server keeps of a connection. */
export interface Member {
  readonly session: string;
}

/** What a reference does with connections and messages. Everything else is the same for all references. */
export type MemberEvents = Pick<uws.WebSocketBehavior<Member>, 'open' | 'message' | 'close'>;

/**
 * Serves WebSockets at `PORT` until SIGTERM. The query of each connection names its session.
 *
 * @returns the app, which publishes to the members of a session
 */
export function serveSessions(eventsOf: (app: uws.TemplatedApp) => MemberEvents): uws.TemplatedApp {
  const app = uws.App();
  app.ws<Member>('/*', {
    maxBackpressure: 16 * 1_048_576,
    upgrade: (res, req, context) => {
      res.upgrade<Member>(
        { session: req.getQuery('session') ?? '' },
        req.getHeader('sec-websocket-key'),
        req.getHeader('sec-websocket-protocol'),
        req.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    ...eventsOf(app),
  });
  app.listen('127.0.0.1', Number(process.env['PORT']), (token) => {
    if (!token) throw new Error(`cannot listen on ${process.env['PORT']}`);
  });
  process.once('SIGTERM', () => process.exit());
  return app;
}
