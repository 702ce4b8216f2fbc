import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';

/** It stands in for Redis, and so its errors have the texts of Redis. */
const STAND_INS = 'services/simulation/';

/** A file's code without its comments. */
function codeOf(file: string): string {
  return readFileSync(join(REPOSITORY, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function sourcesOf(workspace: string): string[] {
  const packages = readdirSync(join(REPOSITORY, workspace)).map((name) => `${workspace}/${name}/src`);
  return packages
    .filter((folder) => existsSync(join(REPOSITORY, folder)))
    .flatMap((folder) =>
      (readdirSync(join(REPOSITORY, folder), { recursive: true }) as string[]).map((file) => `${folder}/${file}`),
    );
}

function productFiles(): string[] {
  const sources = [...sourcesOf('libs'), ...sourcesOf('services')].filter((file) => /\.tsx?$/.test(file));
  return sources.filter((file) => !/\.test\.tsx?$/.test(file) && !file.startsWith(STAND_INS)).toSorted();
}

/** The files of the product whose code matches a pattern. */
const filesWith = (pattern: RegExp): string[] => productFiles().filter((file) => pattern.test(codeOf(file)));

describe('what is known of Redis and ioredis has one owner', () => {
  it('texts of their errors stand in redis-errors.ts', () => {
    const codes =
      'MOVED|TRYAGAIN|READONLY|OOM|LOADING|NOPERM|NOAUTH|WRONGPASS|NOSCRIPT|CLUSTERDOWN|CROSSSLOT|MASTERDOWN';
    const texts =
      "non local key|invalid username|Command timed out|Socket timeout|Connection is closed|isn't writeable";
    expect(filesWith(new RegExp(`\\b(${codes})\\b|${texts}`))).toEqual(['libs/redis-client/src/redis-errors.ts']);
  });

  it('members that ioredis keeps to itself are used in ioredis-internals.ts, and in patient-timeout.ts by its types', () => {
    const members =
      /\b(commandQueue|offlineQueue|_commandTimeoutTimer|socketTimeoutTimer|prototype)\b|\.(condition|stream|sendCommand|slots)\b/;
    const users = filesWith(members).filter((file) => /ioredis/.test(readFileSync(join(REPOSITORY, file), 'utf8')));
    expect(users).toEqual(['libs/redis-client/src/ioredis-internals.ts', 'libs/redis-client/src/patient-timeout.ts']);
  });
});
