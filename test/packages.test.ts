import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  connectPlain,
  eventually,
  freePort,
  REPOSITORY,
  registerCleanup,
  startChild,
  stopAll,
} from '@holdfast/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from './chat-page.js';
import { type Holdfast, startHoldfast } from './holdfast.js';

const NAMES = ['protocol', 'client'] as const;
const TSC = join(REPOSITORY, 'node_modules/.bin/tsc');

let temporary: string;
let tarballs: Record<(typeof NAMES)[number], string>;
let system: Holdfast;
let browser: Browser;
let pagePort: number;

beforeAll(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-packages-')));
  registerCleanup('packages', () => rm(temporary, { recursive: true, force: true }));
  pagePort = await freePort();
  [system, browser, tarballs] = await Promise.all([
    startHoldfast({ env: { ALLOWED_ORIGINS: `http://localhost:${pagePort}` } }),
    startChromium(),
    pack(),
  ]);
});

afterAll(stopAll);

/** Runs a program to its end. @returns what it wrote to stdout @throws Error with everything it wrote when it fails */
async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { cwd: folder })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  }
}

/** Links packages of the workspace's `node_modules` into a folder's. */
async function link(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const target = join(folder, 'node_modules', name);
    await mkdir(dirname(target), { recursive: true });
    await symlink(join(REPOSITORY, 'node_modules', name), target);
  }
}

/**
 * Builds and packs both packages as `npm publish` does. This happens in a copy of the sources: other tests run what lies
 * in `dist` meanwhile, and a file that only an earlier build left there must not be packed.
 */
async function pack(): Promise<typeof tarballs> {
  const workspace = join(temporary, 'workspace');
  await cp(join(REPOSITORY, 'tsconfig.base.json'), join(workspace, 'tsconfig.base.json'), { recursive: true });
  for (const name of NAMES) {
    await cp(join(REPOSITORY, 'libs', name), join(workspace, 'libs', name), {
      recursive: true,
      filter: (source) => !/\/(?:dist|node_modules)$/.test(source),
    });
    await mkdir(join(workspace, 'node_modules/@holdfast'), { recursive: true });
    await symlink(join(workspace, 'libs', name), join(workspace, 'node_modules/@holdfast', name));
  }
  await link(workspace, ['.bin', '@types', 'react']);
  const packed: string[] = [];
  for (const name of NAMES) {
    const report = await run(join(workspace, 'libs', name), 'npm', 'pack', '--json', '--pack-destination', temporary);
    packed.push(join(temporary, /"filename": "(.+?)"/.exec(report)?.[1] ?? 'nothing'));
  }
  const [protocol = '', client = ''] = packed;
  return { protocol, client };
}

/**
 * An empty project with both packages installed from their tarballs by npm. What else it depends on is linked from the
 * workspace: npm would put the same files there, and the registry is not asked. Node, TypeScript and Vite follow such a
 * link to where the package lies, so that there is one copy of each.
 */
async function project(fixture: string, dependencies: readonly string[]): Promise<string> {
  const folder = join(temporary, fixture);
  await cp(join(REPOSITORY, 'test/fixtures', fixture), folder, { recursive: true });
  await run(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund', tarballs.protocol, tarballs.client);
  await link(folder, dependencies);
  return folder;
}

/** Puts each TypeScript example of a package's README into a file of a project, to be compiled there. */
async function copyExamples(name: string, folder: string): Promise<void> {
  const readme = await readFile(join(folder, 'node_modules/@holdfast', name, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```tsx?\n(.*?)```/gs)];
  expect(examples.length).toBeGreaterThan(0);
  for (const [i, [, code = '']] of examples.entries()) await writeFile(join(folder, `${name}-example-${i}.tsx`), code);
}

describe.each(NAMES)('@holdfast/%s as it is published', (name) => {
  it('has every file of its exports, the sources of its maps, no tests and nothing of the build', async () => {
    const folder = join(temporary, `content of ${name}`);
    await mkdir(folder);
    await run(folder, 'tar', '-xzf', tarballs[name]);
    const files = await readdir(join(folder, 'package'), { recursive: true });
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']));
    expect(files.filter((file) => /\.test\.|tsbuildinfo|^scripts|^test|tsconfig/.test(file))).toEqual([]);
    // publint looks at the conditions that it knows; ours is named @holdfast/source.
    const manifest = await readFile(join(folder, 'package/package.json'), 'utf8');
    for (const [, file] of manifest.matchAll(/"\.\/((?:dist|src)\/[^"]+)"/g)) expect(files).toContain(file);
    expect(manifest).toContain('"@holdfast/source": "./src/');
    const maps = files.filter((file) => file.endsWith('.map'));
    expect(maps.length).toBeGreaterThan(5);
    for (const file of maps) {
      const { sources } = JSON.parse(await readFile(join(folder, 'package', file), 'utf8')) as { sources: string[] };
      for (const source of sources) expect(files, file).toContain(join(dirname(file), source));
    }
  });

  it('has nothing that publint complains of', async () => {
    await run(temporary, join(REPOSITORY, 'node_modules/.bin/publint'), 'run', tarballs[name], '--strict');
  });

  /**
   * Looks at the resolutions `node16` (of which `nodenext` is a variant) and `bundler`. Not at the one for CommonJS: the
   * packages are ES modules, which Node 20 and every bundler import.
   */
  it('has types that "are the types wrong" finds right for ES modules', async () => {
    await run(temporary, join(REPOSITORY, 'node_modules/.bin/attw'), tarballs[name], '--profile', 'esm-only');
  });
});

describe('an empty Node project', () => {
  it('compiles strictly without the types of browsers, and chats', async () => {
    const folder = await project('node-project', ['ws', '@types/ws', '@types/node', 'undici-types']);
    await run(folder, TSC);
    const output = await run(folder, process.execPath, 'main.js', system.wsUrl, 'packed-node');
    expect(JSON.parse(output)).toEqual({
      first: 1,
      second: 2,
      heard: [
        { seq: 1, content: 'hello from a package', isSent: false },
        { seq: 2, content: 'and again', isSent: false },
      ],
    });
  });
});

describe('an empty Vite and React project', () => {
  it('compiles strictly, with the examples of the READMEs, is bundled, and chats in a browser', async () => {
    const react = ['react', 'react-dom', '@types/react', '@types/react-dom', 'csstype'];
    const folder = await project('vite-project', ['vite', ...react]);
    for (const name of NAMES) await copyExamples(name, folder);
    await run(folder, TSC);
    const vite = join(folder, 'node_modules/vite/bin/vite.js');
    await run(folder, process.execPath, vite, 'build', '--logLevel', 'warn');
    const address = `http://localhost:${pagePort}`;
    await startChild({
      name: 'vite preview',
      command: process.execPath,
      args: [vite, 'preview', '--port', String(pagePort), '--strictPort'],
      cwd: folder,
    });
    await eventually('vite preview', async () => (await fetch(address)).ok);

    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${address}/?${new URLSearchParams({ url: system.wsUrl, session: 'packed-vite' })}`);
    await page.getByText('connected', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('hello from a bundle').waitFor();
    const plain = await connectPlain(`${system.wsUrl}?session=packed-vite&redis_persistence=true`);
    plain.sendRaw('hello from outside');
    await page.getByText('hello from outside').waitFor();

    await page.reload();
    await page.getByText('hello from outside').waitFor();
    expect(await page.getByRole('listitem').allInnerTexts()).toEqual(['hello from a bundle', 'hello from outside']);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
