import { Redis } from 'ioredis';
import { serveSessions } from './session-server.js';

/**
 * What most scaled chats do: one PUBLISH for each message, and every published frame goes to the members of its session
 * here. Nothing is stored, numbered or inspected.
 */
const url = process.env['CHANNEL_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const publisher = new Redis(url);
const subscriber = new Redis(url);
const members = new Map<string, number>();

const app = serveSessions(() => ({
  open: (ws) => {
    const { session } = ws.getUserData();
    ws.subscribe(session);
    const count = members.get(session) ?? 0;
    members.set(session, count + 1);
    if (count === 0) void subscriber.subscribe(session);
  },
  message: (ws, message) => {
    void publisher.publish(ws.getUserData().session, Buffer.from(message).toString());
  },
  close: (ws) => {
    const { session } = ws.getUserData();
    const count = (members.get(session) ?? 1) - 1;
    members.set(session, count);
    if (count === 0) void subscriber.unsubscribe(session);
  },
}));
subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) => {
  app.publish(channel.toString('latin1'), message, false);
});
