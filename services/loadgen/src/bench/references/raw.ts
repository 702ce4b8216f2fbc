import { serveSessions } from './session-server.js';

/**
 * The lower limit: passes every frame on to the members of its session in this process, without Redis.
 */
serveSessions((app) => ({
  open: (ws) => {
    ws.subscribe(ws.getUserData().session);
  },
  message: (ws, message, isBinary) => {
    app.publish(ws.getUserData().session, message, isBinary);
  },
}));
