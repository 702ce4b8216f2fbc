import { describe, expect, it } from 'vitest';
import { maskUrl } from './mask-url.js';

describe('maskUrl', () => {
  it.each([
    ['redis://localhost:6379/0', 'redis://localhost:6379/0'],
    ['redis://redis_green:6379/0', 'redis://redis_green:6379/0'],
    ['redis://:s3cret@localhost/0', 'redis://:***@localhost/0'],
    ['rediss://user:s3cr%40t@host:1/2', 'rediss://***:***@host:1/2'],
    ['redis://s/0?sentinel_username=u&sentinel_password=p', 'redis://s/0?sentinel_username=***&sentinel_password=***'],
    ['redis://a:b@[::1]:6379', 'redis://***:***@[::1]:6379'],
  ])('shows %s as %s', (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });

  it('shows nothing of what is no URL, for it may be a password', () => {
    expect(maskUrl('s3cret')).toBe('***');
  });
});
