import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Child,
  connectFramed,
  connectPlain,
  eventually,
  freePorts,
  type RedisServer,
  registerCleanup,
  type ServiceProcess,
  startChild,
  startProcess,
  startRedis,
  stopAll,
  type UpgradeRefused,
} from '@holdfast/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEPLOY, run } from './run.js';

/** More connections than any other test of this file opens. */
const CONNECTIONS_PER_IP = 40;

let redis: RedisServer;
let blue: ServiceProcess;
let green: ServiceProcess;
let api: ServiceProcess;
let haproxy: Child;
let env: Record<string, string>;
let front: string;

beforeAll(async () => {
  redis = await startRedis();
  const gateway = (color: string) =>
    startProcess({
      service: 'gateway',
      name: color,
      env: {
        CHANNEL_REDIS_URL: redis.url,
        INSTANCE_COLOR: color,
        TRUST_PROXY: 'true',
        DRAIN_SECONDS: '2',
        MAX_CONNECTIONS_PER_IP: String(CONNECTIONS_PER_IP),
      },
    });
  [blue, green, api] = await Promise.all([
    gateway('blue'),
    gateway('green'),
    startProcess({ service: 'session-api', env: { CHANNEL_REDIS_URL: redis.url } }),
  ]);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-front-'));
  registerCleanup('front door directory', () => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'color.map'), 'active blue\n');
  const [frontPort = 0, metricsPort = 0] = await freePorts(2);
  front = `127.0.0.1:${frontPort}`;
  env = {
    FRONT_ADDRESS: front,
    METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
    RUNTIME_SOCKET: join(dir, 'runtime.sock'),
    COLOR_MAP: join(dir, 'color.map'),
    SERVERS_PER_COLOR: '1',
    GATEWAY_BLUE: `127.0.0.1:${blue.port}`,
    GATEWAY_BLUE_ADMIN_PORT: String(blue.adminPort),
    GATEWAY_GREEN: `127.0.0.1:${green.port}`,
    GATEWAY_GREEN_ADMIN_PORT: String(green.adminPort),
    SERVERS_OF_API: '1',
    SESSION_API: `127.0.0.1:${api.port}`,
    SESSION_API_ADMIN_PORT: String(api.adminPort),
  };
  haproxy = await startChild({
    name: 'haproxy',
    command: 'haproxy',
    args: ['-db', '-f', `${DEPLOY}haproxy/haproxy.cfg`],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  await eventually('the front door to serve both colours', async () => {
    if (haproxy.exit) throw new Error(haproxy.log.tail());
    return (await ready('blue')) && (await ready('green')) && (await fetch(`http://${front}/api/redis/status/`)).ok;
  });
});

afterAll(stopAll);

beforeEach(async () => {
  await switchTo('blue');
});

/** Sends a command to HAProxy's runtime API. */
function runtime(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(env['RUNTIME_SOCKET'] ?? '', () => socket.write(`${command}\n`));
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.once('error', reject).once('close', () => resolve(answer));
  });
}

async function ready(color: string): Promise<boolean> {
  const row = (await runtime('show stat')).split('\n').find((line) => line.startsWith(`gateway_${color},${color}1,`));
  // `UP 1/2` means one failed check; after the next one the server counts as down.
  return /,UP(,| )/.test(row ?? '');
}

function switchTo(color: string) {
  return run('node', ['switch-color.mjs', color], env);
}

/** Connects through the front door. @returns the connection and the colour of its gateway */
async function enter(session: string) {
  const member = await connectFramed(`ws://${front}/ws/chat/`, { query: { session, redis_persistence: true } });
  const { color } = await member.frames.find({ type: 'welcome' });
  return { member, color };
}

describe('haproxy.cfg', () => {
  it('is valid as compose.yml uses it', async () => {
    const { code, output } = await run('haproxy', ['-c', '-f', 'haproxy/haproxy.cfg'], {
      COLOR_MAP: `${DEPLOY}haproxy/state/color.map`,
    });
    expect(output).toContain('Configuration file is valid');
    expect(output).not.toMatch(/WARNING|ALERT/);
    expect(code).toBe(0);
  });

  it('is shipped with blue as the active colour', async () => {
    expect(await readFile(`${DEPLOY}haproxy/state/color.map`, 'utf8')).toBe('active blue\n');
  });
});

describe('the front door', () => {
  it('H1: has the API, and what session-api serves beside it, on the port of the WebSocket', async () => {
    for (const path of ['/api/redis/status/', '/chat/api/redis/status/', '/chat/api/sessions']) {
      expect((await fetch(`http://${front}${path}`)).status, path).toBe(200);
    }
    expect((await fetch(`http://${front}/api/nothing/here/`)).status).toBe(404);
    expect((await enter('front')).color).toBe('blue');
    const slashless = await connectPlain(`ws://${front}/ws/chat`);
    expect(slashless.open).toBe(true);
  });

  it('B1, B4: gives new sockets to the other colour without a reload; open ones stay, and form one chat with them', async () => {
    const before = await enter('switch');
    expect(before.color).toBe('blue');
    const { code, output } = await switchTo('green');
    expect(output).toBe('New sockets go to green (1 ready), before to blue.\n');
    expect(code).toBe(0);
    const after = await enter('switch');
    expect(after.color).toBe('green');
    expect(before.member.open).toBe(true);
    before.member.send({ type: 'send', id: 'a', content: 'from blue' });
    after.member.send({ type: 'send', id: 'b', content: 'from green' });
    for (const { member } of [before, after]) {
      await member.frames.find({ type: 'message', content: 'from blue' });
      await member.frames.find({ type: 'message', content: 'from green' });
    }
    expect(await readFile(env['COLOR_MAP'] ?? '', 'utf8')).toBe('active green\n');
  });

  it('C1: a socket is opened whatever other headers its request has; a gateway would not answer to their names', async () => {
    const headers = { my_header: '1', ['__proto__']: '1', 'x.y': '1', 'x~z': '1' };
    const member = await connectPlain(`ws://${front}/ws/chat/`, { headers });
    expect(member.open).toBe(true);
    member.terminate();
  });

  it('N1: logs requests without their query, which holds secrets, and without their headers', async () => {
    const secret = 'S3CR3T-of-a-member';
    const query = { session: 'logged', client: secret };
    const member = await connectPlain(`ws://${front}/ws/chat/`, { query, headers: { authorization: secret } });
    member.terminate();
    await fetch(`http://${front}/api/sessions/logged/?token=${secret}`, { headers: { authorization: secret } });
    await fetch(`http://${front}/ws/chat/?token=${secret}`, { headers: { cookie: secret } });
    await haproxy.log.waitFor('GET /api/sessions/logged/ HTTP/1.1');
    await haproxy.log.waitFor(/ 101 .* GET \/ws\/chat\/ HTTP\/1.1/);
    expect(haproxy.log.lines.join('\n')).not.toContain(secret);
  });

  it('tells gateways who the client is, whatever the client says', async () => {
    const pretend = (last: number) =>
      connectPlain(`ws://${front}/ws/chat/`, { headers: { 'x-forwarded-for': `203.0.113.${last}` } });
    const members = await Promise.allSettled(
      Array.from({ length: CONNECTIONS_PER_IP + 1 }, (_, last) => pretend(last)),
    );
    const refused = members.flatMap((member) => (member.status === 'rejected' ? [member.reason] : []));
    expect(refused.map((error: UpgradeRefused) => error.status)).toContain(429);
    for (const member of members) if (member.status === 'fulfilled') member.value.terminate();
  });

  it('refuses to switch to a colour without a ready gateway', async () => {
    await green.stop();
    await eventually('the front door to notice', async () => !(await ready('green')));
    const { code, output } = await switchTo('green');
    expect(code).toBe(1);
    expect(output).toBe('Not switched: no green gateway is ready; new sockets stay with blue\n');
    expect((await enter('refused')).color).toBe('blue');
    await green.start();
    await eventually('green to be back', () => ready('green'));
  });

  it('gives sockets to the other colour when the active one has no ready gateway', async () => {
    await switchTo('green');
    await green.kill();
    await eventually('the front door to notice', async () => !(await ready('green')));
    expect((await enter('fallback')).color).toBe('blue');
    await green.start();
    await eventually('green to be back', () => ready('green'));
    expect((await enter('fallback')).color).toBe('green');
  });

  it('B3: gives a draining gateway no new socket, from the first moment on', async () => {
    await switchTo('green');
    const { member } = await enter('drain');
    await fetch(`${green.adminUrl}/drain`, { method: 'POST' });
    await member.frames.find({ type: 'drain' });
    const colors = await Promise.all(
      Array.from({ length: 5 }, async (_, index) =>
        enter(`drain-${index}`).then(
          ({ color }) => color,
          () => 'refused',
        ),
      ),
    );
    expect(colors).not.toContain('green');
    await green.child.exited;
    await green.start();
    await eventually('green to be back', () => ready('green'));
  });

  it('exposes what it counts to Prometheus, and its health', async () => {
    const address = `http://${env['METRICS_ADDRESS']}`;
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('haproxy_backend_active_servers');
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
    expect((await fetch(`${address}/else`)).status).toBe(404);
  });
});

describe('switch-color.mjs', () => {
  it.each([[[]], [['red']], [['blue', 'green']]])('asks for a colour when it is given %j', async (args) => {
    const { code, output } = await run('node', ['switch-color.mjs', ...args], env);
    expect([code, output]).toEqual([1, 'Not switched: say which colour: blue or green\n']);
  });

  it('says when HAProxy is not there', async () => {
    const { code, output } = await run('node', ['switch-color.mjs', 'blue'], { ...env, RUNTIME_SOCKET: '/nowhere' });
    expect(code).toBe(1);
    expect(output).toMatch(/^Not switched: .*ENOENT/);
  });
});

describe('healthcheck.mjs', () => {
  it('tells whether the process on ADMIN_PORT is alive', async () => {
    expect((await run('node', ['healthcheck.mjs'], { ADMIN_PORT: String(blue.adminPort) })).code).toBe(0);
    const [nobody = 0] = await freePorts(1);
    expect((await run('node', ['healthcheck.mjs'], { ADMIN_PORT: String(nobody) })).code).toBe(1);
    expect((await run('node', ['healthcheck.mjs'], { ADMIN_PORT: '' })).output).toBe('ADMIN_PORT is not set\n');
  });
});
