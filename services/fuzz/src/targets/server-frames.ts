import { HoldfastClient } from '@holdfast/client';
import { FakeClock } from '@holdfast/testkit';
import { must, type Target, textOf } from '../target.js';

const WELCOME =
  '{"type":"welcome","protocol":"holdfast.v1","sessionId":"room","connectionId":"c1","sender":"me","persistence":"redis","storage":"redis","epoch":"E1","seq":2,"firstSeq":1,"recovered":true,"ttl":3600,"remainingTtl":3600,"color":"blue","heartbeatMs":30000,"maxMessageBytes":16384,"serverTime":0}';

interface Received {
  onmessage: (event: { data: unknown }) => void;
}

/** What a server sends to the client library, one frame a line, behind a welcome. */
export const serverFrames: Target = {
  name: 'server-frames',
  words: [
    ...['"type":', '"seq":', '"id":', '"content":', '"sender":', '"timestamp":', '"event":', '"epoch":', '"from":'],
    ...[
      '"to":',
      '"pending":true',
      '"storage":"memory"',
      '"reconnectInMs":',
      '"deadlineMs":',
      '"code":',
      '"heartbeatMs":',
    ],
    ...['"firstSeq":', '"recovered":', '"retryAfterMs":', '"__proto__":', '"constructor"', '"state"', '"welcome"'],
    ...['"message"', '"session"', '"reset"', '"gap"', '"expired"', '"drain"', '"error"', '\n', '{', '}', 'null', '[]'],
  ],
  run(input) {
    const clock = new FakeClock();
    const sockets: Received[] = [];
    class Socket implements Received {
      onmessage: (event: { data: unknown }) => void = () => undefined;
      constructor() {
        sockets.push(this);
      }
      send(): void {
        // Nobody listens.
      }
      close(): void {
        // Nothing is open.
      }
    }
    const client = new HoldfastClient({
      url: 'ws://model/',
      sessionId: 'room',
      redisPersistence: true,
      history: true,
      presence: true,
      client: 'secret-of-sixteen',
      webSocket: Socket,
      clock: { ...clock, clearTimeout: (timer) => clock.clearTimeout(timer as never) },
      random: () => 0.5,
      newId: () => 'm1',
    });
    let events = 0;
    client.on('message', () => {
      events += 1;
    });
    client.connect();
    void client.send('hello');
    const socket = sockets[0];
    must(socket !== undefined, 'no connection');
    socket.onmessage({ data: WELCOME });
    for (const line of textOf(input).split('\n')) socket.onmessage({ data: line });
    const reconnects = sockets.length - 1;
    clock.advance(120_000);
    must(sockets.length - reconnects < 60, 'a frame makes the client connect again and again');
    client.close();
    return events > 0 ? 'messages' : 'none';
  },
};
