import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testFiles } from './test-files.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-lanes-'));
});
afterEach(() => rm(root, { recursive: true }));

async function write(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

it('divides files by where they lie, and finds no tests among fixtures and built files', async () => {
  await write('libs/a/src/room.test.ts');
  await write('libs/a/src/room.ts');
  await write('libs/a/test/redis.test.ts');
  await write('libs/a/dist/room.test.ts');
  await write('services/simulation/test/seeds.test.ts');
  await write('services/simulation/src/clock.test.ts');
  await write('test/chaos/outage.long.test.ts');
  await write('test/fixtures/project/own.test.ts');
  await write('.holdfast/old.test.ts');
  expect(testFiles(root).map(({ path, project, isLong }) => [path, project, isLong])).toEqual([
    ['libs/a/src/room.test.ts', 'unit', false],
    ['libs/a/test/redis.test.ts', 'integration', false],
    ['services/simulation/src/clock.test.ts', 'unit', false],
    ['services/simulation/test/seeds.test.ts', 'simulation', false],
    ['test/chaos/outage.long.test.ts', 'integration', true],
  ]);
});

it('knows the programs and the random draws of a file, also those of a part beside it', async () => {
  await write('test/front.test.ts', "import { front } from './front.js';\nawait front();\n");
  await write('test/front.ts', "import { announcedRandom, startHaproxy } from '@holdfast/testkit';\n");
  await write('test/plain.test.ts', "import { startRedis } from '@holdfast/testkit';\n");
  expect(testFiles(root).map(({ programs, drawsAtRandom }) => [programs, drawsAtRandom])).toEqual([
    [['haproxy'], true],
    [['redis-server', 'redis-cli'], false],
  ]);
});
