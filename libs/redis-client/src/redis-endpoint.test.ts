import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-endpoint.js';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://localhost:6379/0', { host: 'localhost', port: 6379, db: 0 }],
    ['redis://redis_green', { host: 'redis_green', port: 6379, db: 0 }],
    ['redis://[::1]:7000/3', { host: '::1', port: 7000, db: 3 }],
    ['redis://:p%40ss%2Fw@h/', { host: 'h', port: 6379, db: 0, password: 'p@ss/w' }],
    ['redis://us%3Aer:pw@h', { host: 'h', port: 6379, db: 0, username: 'us:er', password: 'pw' }],
    ['rediss://h.example.org', { host: 'h.example.org', port: 6379, db: 0, tls: { servername: 'h.example.org' } }],
    ['rediss://10.0.0.1', { host: '10.0.0.1', port: 6379, db: 0, tls: {} }],
    [
      'redis://s/?sentinel_username=u&sentinel_password=p%26q',
      { host: 's', port: 6379, db: 0, sentinelUsername: 'u', sentinelPassword: 'p&q' },
    ],
  ])('reads %s', (url, endpoint) => {
    expect(parseRedisUrl(url)).toEqual(endpoint);
  });

  it('uses the port of Sentinels for a Sentinel without a port', () => {
    expect(parseRedisUrl('redis://s', 26_379).port).toBe(26_379);
  });

  it.each(['', 'localhost:6379', 'http://h', 'redis://h/db', 'redis://h:port'])('refuses %j', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError);
  });

  it('does not repeat a URL it refuses, which may hold a password', () => {
    expect(() => parseRedisUrl('redis://:s3cret@h/nonsense')).toThrow(expect.not.stringContaining('s3cret'));
  });
});
