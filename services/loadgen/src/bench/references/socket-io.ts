import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

/** How long a client may be away and still get what it missed. This is what Socket.IO has in place of a history. */
const RECOVERY_MS = 120_000;

/** Socket.IO as its documentation scales it with recovery: every server reads one Redis stream. */
const client = new Redis(process.env['CHANNEL_REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(client),
  connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_MS },
  transports: ['websocket'],
});

io.on('connection', (socket) => {
  const session = String(socket.handshake.query['session']);
  void socket.join(session);
  socket.on('message', (content: string) => {
    io.to(session).emit('message', content);
  });
});
http.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('SIGTERM', () => process.exit());
