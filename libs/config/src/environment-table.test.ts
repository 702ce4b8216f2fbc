import { describe, expect, it } from 'vitest';
import { ENVIRONMENT, renderEnvironmentTable } from './environment-table.js';

describe('renderEnvironmentTable', () => {
  const rows = renderEnvironmentTable().split('\n');

  it('has a row per variable, of four cells', () => {
    expect(rows).toHaveLength(ENVIRONMENT.length + 2);
    for (const row of rows) expect(row.replaceAll('\\|', '').match(/\|/g)).toHaveLength(5);
  });

  it('shows defaults as they would be set', () => {
    expect(rows).toContainEqual(
      expect.stringMatching(/^\| `REDIS_SESSION_TTL` \| `3600` \| .* \| gateway, session-api \|$/),
    );
    expect(rows).toContainEqual(expect.stringMatching(/^\| `CHANNEL_REDIS_URL` \| `redis:\/\/localhost:6379\/0` \|/));
    expect(rows).toContainEqual(expect.stringMatching(/^\| `PORT` \| `8100` \(gateway\), `8200` \(session-api\) \|/));
    expect(rows).toContainEqual(expect.stringMatching(/^\| `AUTH_JWT_SECRET` \| {2}\|/));
  });
});

describe('ENVIRONMENT', () => {
  it('names each variable once', () => {
    const names = ENVIRONMENT.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
