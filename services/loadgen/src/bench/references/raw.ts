import { serveSessions } from './session-server.js';

/**
 * The limit: what a message costs that goes through no Redis. Passes every frame on to the members of its session, in
 * this process alone.
 */
serveSessions((app) => ({
  open: (ws) => {
    ws.subscribe(ws.getUserData().session);
  },
  message: (ws, message, isBinary) => {
    app.publish(ws.getUserData().session, message, isBinary);
  },
}));
