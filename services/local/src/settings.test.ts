import { ConfigError } from '@holdfast/config';
import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.js';

const read = (env: Record<string, string>, ...args: string[]) => readSettings('/repo', env, args);

describe('readSettings', () => {
  it('opens the front door on port 8000 of this machine alone unless told otherwise', () => {
    expect(read({})).toMatchObject({ host: '127.0.0.1', port: 8000, home: '/repo/.holdfast', embedded: false });
    expect(read({ PORT: '3000' }).port).toBe(3000);
    expect(read({ PORT: '3000', HOLDFAST_PORT: '4000', HOLDFAST_HOME: '/data' })).toMatchObject({
      port: 4000,
      home: '/data',
    });
    expect(read({}, '--embedded').embedded).toBe(true);
  });

  it("passes the services' settings on, but no address", () => {
    const { env } = read({
      PORT: '3000',
      ADMIN_PORT: '1',
      HOLDFAST_PORT: '1',
      REDIS_SESSION_TTL: '300',
      PATH: '/bin',
      npm_config_x: '1',
    });
    expect(env).toEqual({
      REDIS_SESSION_TTL: '300',
      PATH: '/bin',
      DRAIN_SECONDS: '3',
      LOG_FORMAT: 'console',
      TRUST_PROXY: 'true',
      MAX_REQUESTS_PER_MINUTE: '0',
      MAX_KEY_REQUESTS_PER_MINUTE: '0',
      MAX_SESSIONS_CREATED_PER_MINUTE: '0',
    });
    expect(read({ LOG_FORMAT: 'json', DRAIN_SECONDS: '1' }).env).toMatchObject({
      LOG_FORMAT: 'json',
      DRAIN_SECONDS: '1',
    });
    expect(read({ DRAIN_SECONDS: '30' }).env['DRAIN_SECONDS']).toBe('3');
  });

  it('M2, M5: a front door that others reach has the limits of such an address', () => {
    expect(read({ HOST: '0.0.0.0', AUTH_DISABLED: 'true', MAX_REQUESTS_PER_MINUTE: '7' }).env).toMatchObject({
      MAX_REQUESTS_PER_MINUTE: '7',
      MAX_KEY_REQUESTS_PER_MINUTE: '60000',
      MAX_SESSIONS_CREATED_PER_MINUTE: '600',
    });
  });

  it('tells every mistake at once, each once', () => {
    const mistakes = () => read({ PORT: 'x', REDIS_SESSION_TTL: '-1', LOG_LEVEL: 'loud' }, '--fast');
    expect(mistakes).toThrow(ConfigError);
    expect(mistakes).toThrow(/unknown argument --fast; there is --embedded/);
    expect(mistakes).toThrow(/PORT must be a port from 0 to 65535/);
    expect(mistakes).toThrow(/REDIS_SESSION_TTL/);
    try {
      mistakes();
    } catch (error) {
      expect((error as ConfigError).mistakes.filter((mistake) => mistake.includes('LOG_LEVEL'))).toHaveLength(1);
    }
  });

  it('opens nothing to others without authentication', () => {
    expect(() => read({ HOST: '0.0.0.0' })).toThrow(/AUTH_DISABLED/);
    expect(read({ HOST: '0.0.0.0', AUTH_DISABLED: 'true' }).host).toBe('0.0.0.0');
  });
});
