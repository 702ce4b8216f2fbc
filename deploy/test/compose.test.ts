import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ENVIRONMENT, loadConfig } from '@holdfast/config';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DEPLOY, ROOT, run } from './run.js';

interface Service {
  image: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  env_file?: { path: string; required?: boolean }[];
  ports?: string[];
  volumes?: string[];
  stop_grace_period?: string;
  networks?: Record<string, { aliases?: string[] } | null> | string[];
}

const compose = parse(readFileSync(`${DEPLOY}compose.yml`, 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const { services } = compose;
const production = readEnv('production');
/** What `npm run secrets` adds to the settings. */
const SECRETS = { ADMIN_TOKEN: 'a'.repeat(43), AUTH_JWT_SECRET: 's'.repeat(43) };

function readEnv(name: string): Record<string, string> {
  const values: Record<string, string> = {};
  const parsed = parseEnv(readFileSync(`${DEPLOY}env/${name}.env`, 'utf8'));
  for (const [key, value] of Object.entries(parsed)) if (value !== undefined) values[key] = value;
  return values;
}

describe('compose.yml', () => {
  it('passes dclint without a warning', async () => {
    const { code, output } = await run(`${ROOT}node_modules/.bin/dclint`, ['--max-warnings', '0', 'compose.yml']);
    expect(output.trim()).toBe('');
    expect(code).toBe(0);
  });

  it('has both colours, one Redis under the names of the guides, the front door and what watches them', () => {
    expect(Object.keys(services).toSorted()).toEqual([
      'alertmanager',
      'app_blue',
      'app_green',
      'grafana',
      'haproxy',
      'prometheus',
      'redis_green',
      'session_api',
      'sweeper',
      'switch_color',
    ]);
    expect(services['app_blue']?.environment?.['INSTANCE_COLOR']).toBe('blue');
    expect(services['app_green']?.environment?.['INSTANCE_COLOR']).toBe('green');
    expect(services['redis_green']?.networks).toEqual({ inside: { aliases: ['redis'] } });
    expect(production['CHANNEL_REDIS_URL']).toBe('redis://redis_green:6379/0');
  });

  it('names only files that exist', () => {
    for (const [name, { volumes = [], build, command = [], entrypoint = [] }] of Object.entries(services)) {
      const sources = volumes.map((volume) => volume.split(':')[0] ?? '').filter((source) => source.startsWith('.'));
      for (const source of sources) expect(existsSync(resolve(DEPLOY, source)), `${name}: ${source}`).toBe(true);
      if (build) expect(existsSync(resolve(DEPLOY, build.context, build.dockerfile))).toBe(true);
      for (const script of [...command, ...entrypoint].filter((word) => /^(services|deploy)\//.test(word))) {
        const source = script.replace(/\/dist\/main\.js$/, '/src/main.ts');
        expect(existsSync(ROOT + source), `${name}: ${script}`).toBe(true);
      }
    }
  });

  it('N4: opens every port to this machine only', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    expect(published.toSorted()).toEqual(['3000', '8000', '9090', '9093'].map((port) => `127.0.0.1:${port}:${port}`));
  });

  it('N4: has no password in it, and lets Grafana have one that nobody knows where none was made', () => {
    const { grafana } = services;
    expect(JSON.stringify(grafana?.environment)).not.toMatch(/PASSWORD/);
    expect(grafana?.env_file).toEqual([{ path: 'env/grafana.env', required: false }]);
    const [shell = '', ...args] = grafana?.entrypoint ?? [];
    const script = (args.at(-1) ?? '')
      .replaceAll('$$', '$')
      .replace('exec /run.sh', 'echo "$GF_SECURITY_ADMIN_PASSWORD"');
    const passwordWith = (env: Record<string, string>) =>
      execFileSync(shell, [...args.slice(0, -1), script], { env: { PATH: process.env['PATH'], ...env } })
        .toString()
        .trim();
    const [one, another] = [passwordWith({}), passwordWith({})];
    expect(one).toMatch(/^[\w+/]{43}=$/);
    expect(another).not.toBe(one);
    expect(passwordWith({ GF_SECURITY_ADMIN_PASSWORD: 'made' })).toBe('made');
  });

  it('B3: gives a service longer to end than its drain takes', () => {
    for (const name of ['app_blue', 'app_green', 'session_api', 'sweeper']) {
      const seconds = Number(services[name]?.stop_grace_period?.replace('s', ''));
      expect(seconds).toBeGreaterThan(Number(production['DRAIN_SECONDS']) + 10);
    }
  });

  it('lets every service start with its settings', () => {
    for (const [name, service] of [
      ['app_blue', 'gateway'],
      ['app_green', 'gateway'],
      ['session_api', 'session-api'],
      ['sweeper', 'sweeper'],
    ] as const) {
      const config = loadConfig(service, { ...production, ...SECRETS, ...services[name]?.environment });
      expect(config.adminHost).toBe('0.0.0.0');
      expect(`:${config.adminPort}`).toBe(portScraped(name));
    }
  });

  it('N4: asks everybody for a token, and starts nothing without the secret that tokens are signed with', () => {
    expect(production).toMatchObject({ AUTH_DISABLED: 'false', AUTH_JWT_SECRET: '' });
    for (const [name, service] of [
      ['app_blue', 'gateway'],
      ['app_green', 'gateway'],
      ['session_api', 'session-api'],
    ] as const) {
      const { env_file: files = [], environment = {} } = services[name] ?? {};
      expect(files).toEqual([{ path: 'env/production.env' }, { path: 'env/secrets.env' }]);
      expect(environment).not.toHaveProperty('AUTH_DISABLED');
      expect(loadConfig(service, { ...production, ...SECRETS, ...environment }).auth?.secrets).toHaveLength(1);
      expect(() => loadConfig(service, { ...production, ...environment })).toThrow(/AUTH_JWT_SECRET/);
    }
  });

  it("B6: knows HAProxy's idle time, so that heartbeats come in time", () => {
    const minutes = /^ *timeout tunnel (\d+)m$/m.exec(readFileSync(`${DEPLOY}haproxy/haproxy.cfg`, 'utf8'))?.[1];
    expect(Number(production['PROXY_IDLE_SECONDS'])).toBe(Number(minutes) * 60);
  });

  function portScraped(service: string): string {
    const config = parse(readFileSync(`${DEPLOY}prometheus/prometheus.yml`, 'utf8')) as {
      scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[];
    };
    const found = config.scrape_configs
      .flatMap((job) => job.dns_sd_configs ?? [])
      .find((sd) => sd.names.includes(service));
    return `:${found?.port}`;
  }
});

describe('secrets.mjs', () => {
  it('N4: makes random secrets once, for the owner only, in files that git ignores', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
    try {
      const files = ['secrets.env', 'grafana.env'].map((name) => join(folder, name));
      const readAll = () => files.map((file) => readFileSync(file, 'utf8')).join('');
      expect((await run('node', ['secrets.mjs', folder])).code).toBe(0);
      const made = readAll();
      expect(made).toMatch(
        /^ADMIN_TOKEN=[\w-]{43}\nAPI_KEYS=[\w-]{43}\nAUTH_JWT_SECRET=[\w-]{43}\nGF_SECURITY_ADMIN_PASSWORD=[\w-]{43}\n$/,
      );
      for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
      const again = await run('node', ['secrets.mjs', folder]);
      expect(readAll()).toBe(made);
      for (const [, value = ''] of made.matchAll(/=(\S+)/g)) expect(again.output).not.toContain(value);
      const { adminToken, apiKeys, auth } = loadConfig('session-api', { ...production, ...parseEnv(made) });
      expect(made).toContain(`ADMIN_TOKEN=${adminToken}\nAPI_KEYS=${apiKeys}\nAUTH_JWT_SECRET=${auth?.secrets[0]}\n`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('N4: adds what a file of an earlier release lacks, and changes nothing that is there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
    try {
      const file = join(folder, 'secrets.env');
      writeFileSync(file, 'ADMIN_TOKEN=chosen');
      expect((await run('node', ['secrets.mjs', folder])).code).toBe(0);
      expect(readFileSync(file, 'utf8')).toMatch(
        /^ADMIN_TOKEN=chosen\nAPI_KEYS=[\w-]{43}\nAUTH_JWT_SECRET=[\w-]{43}\n$/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('N4: its files are ignored by git', () => {
    const ignored = execFileSync('git', ['check-ignore', 'env/secrets.env', 'env/grafana.env'], { cwd: DEPLOY });
    expect(ignored.toString().trim().split('\n')).toHaveLength(2);
  });
});

describe('docker/compose.yml', () => {
  const path = 'docker/compose.yml';
  const read = (file: string) => parse(readFileSync(file, 'utf8')) as { name: string; include?: string[] };
  const guides = read(ROOT + path);

  it('passes dclint without a warning', async () => {
    const { code, output } = await run(`${ROOT}node_modules/.bin/dclint`, ['--max-warnings', '0', ROOT + path]);
    expect(output.trim()).toBe('');
    expect(code).toBe(0);
  });

  it('is deploy/compose.yml and nothing else, under the same project name, so that it finds the same containers', () => {
    const { include = [], ...rest } = guides;
    expect(include.map((file) => resolve(ROOT, 'docker', file))).toEqual([`${DEPLOY}compose.yml`]);
    expect(rest).toEqual({ name: read(`${DEPLOY}compose.yml`).name });
  });

  it('lets the commands of the original guides work as printed', () => {
    const readme = readFileSync(`${DEPLOY}README.md`, 'utf8');
    const commands = readme.split('\n').filter((line) => line.startsWith(`docker compose -f ${path} `));
    expect(commands).toEqual([
      `docker compose -f ${path} ps redis_green`,
      `docker compose -f ${path} exec redis_green redis-cli ping`,
      `docker compose -f ${path} logs redis_green`,
      `docker compose -f ${path} exec app_green env | grep REDIS`,
    ]);
    for (const command of commands) expect(services).toHaveProperty(command.split(' ')[5] ?? '');
    // `redis-cli ping` gives no password, and `env` shows what the guides look for.
    expect(readFileSync(`${DEPLOY}redis/redis.conf`, 'utf8')).not.toMatch(/^(?:requirepass|aclfile|user) /m);
    expect(Object.keys(production).filter((name) => name.includes('REDIS'))).toEqual(
      expect.arrayContaining(['CHANNEL_REDIS_URL', 'REDIS_SESSION_TTL']),
    );
  });
});

describe.each(['development', 'production'])('env/%s.env', (name) => {
  it('is a whole set: every variable there is, and no other', () => {
    expect(Object.keys(readEnv(name)).toSorted()).toEqual(ENVIRONMENT.map((row) => row.name).toSorted());
  });

  it.each(['gateway', 'session-api', 'sweeper'] as const)('lets %s start', (service) => {
    expect(loadConfig(service, { ...readEnv(name), ...(name === 'production' && SECRETS) }).service).toBe(service);
  });
});

describe('the Dockerfile', () => {
  const lines = readFileSync(`${DEPLOY}Dockerfile`, 'utf8').split('\n');

  it('pulls nothing but its base, and runs as somebody who is not root', () => {
    expect(lines.filter((line) => /^#\s*syntax=/.test(line))).toEqual([]);
    expect(lines.filter((line) => /^FROM (?!\$\{BASE_IMAGE\})/.test(line))).toEqual([]);
    expect(lines).toContain('USER 1000:1000');
    expect(lines.findLast((line) => line.startsWith('USER') || line.startsWith('RUN'))).toBe('USER 1000:1000');
  });

  it('copies only what exists', () => {
    for (const line of lines.filter((text) => /^COPY (?!--from)/.test(text))) {
      const sources = line.split(' ').slice(1, -1);
      for (const source of sources) expect(existsSync(ROOT + source), source).toBe(true);
    }
  });
});
