import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { startPrometheus, stopAll } from '../src/index.js';

afterAll(stopAll);

describe('startPrometheus', () => {
  it('scrapes its targets and answers queries', async () => {
    const server = createServer((_request, response) => response.end('chats{color="blue"} 7\n'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const prometheus = await startPrometheus({ jobs: { gateway: [`127.0.0.1:${address.port}`] } });
    await prometheus.targetsUp();
    expect(await prometheus.query('sum by (color) (chats)')).toEqual([{ labels: { color: 'blue' }, value: 7 }]);
    expect(await prometheus.query('scalar(chats) * 2')).toEqual([{ labels: {}, value: 14 }]);
    await expect(prometheus.query('sum(')).rejects.toThrow(/prometheus refused sum\(/);
    await prometheus.child.stop();
    server.close();
    server.closeAllConnections();
  });
});
