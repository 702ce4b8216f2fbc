import uws from 'uWebSockets.js';

/**
 * The limit: what a message costs that goes through no Redis. Passes every frame on to the members of its session, in
 * this process alone.
 */
interface Member {
  readonly session: string;
}

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
  open: (ws) => {
    ws.subscribe(ws.getUserData().session);
  },
  message: (ws, message, isBinary) => {
    app.publish(ws.getUserData().session, message, isBinary);
  },
});
app.listen('127.0.0.1', Number(process.env['PORT']), (token) => {
  if (!token) throw new Error(`cannot listen on ${process.env['PORT']}`);
});
process.once('SIGTERM', () => process.exit());
