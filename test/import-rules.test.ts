import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The import table of ARCHITECTURE.md, written down a second time. The import rules must agree with it. */
const TABLE: Record<string, string> = {
  'libs/protocol': '',
  'libs/config': '',
  'libs/auth': 'protocol',
  'libs/telemetry': '',
  'libs/redis-client': '',
  'libs/session-store': 'protocol redis-client',
  'libs/fan-out': 'protocol redis-client',
  'libs/client': 'protocol',
  'libs/testkit': 'protocol',
  'services/gateway': 'protocol config auth telemetry redis-client session-store fan-out',
  'services/session-api': 'protocol config auth telemetry redis-client session-store fan-out',
  'services/sweeper': 'protocol config telemetry redis-client session-store',
  'services/web': 'protocol client',
  'services/local': 'protocol config auth telemetry redis-client session-store fan-out gateway session-api sweeper',
  'services/simulation': 'protocol config telemetry redis-client session-store fan-out client testkit gateway',
  'services/fuzz': 'protocol config auth session-store client testkit gateway',
  'services/loadgen': 'protocol client testkit',
};

/** The rooms of the gateway from the top to the bottom, written down a second time as well. */
const ROOMS = 'server admission connection rooms room room/append room/sync room/delivery shared redis ports'.split(
  ' ',
);
const GATEWAY = 'services/gateway/src';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const folders = Object.keys(TABLE);
const nameOf = (folder: string) => folder.split('/')[1] ?? '';

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

/** A copy of the repository's shape: empty packages, and the files given. @returns what the rules say of them */
function cruise(root: string, files: Record<string, string>): Violation[] {
  mkdirSync(join(root, 'node_modules/@holdfast'), { recursive: true });
  copyFileSync(join(repository, 'tsconfig.base.json'), join(root, 'tsconfig.base.json'));
  copyFileSync(join(repository, 'tsconfig.check.json'), join(root, 'tsconfig.check.json'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('package.json', '{"name":"holdfast","workspaces":["libs/*","services/*"]}');
  write('node_modules/uWebSockets.js/package.json', '{"name":"uWebSockets.js","main":"index.js"}');
  write('node_modules/uWebSockets.js/index.js', '');
  write('node_modules/undeclared/package.json', '{"name":"undeclared","main":"index.js"}');
  write('node_modules/undeclared/index.js', '');
  for (const folder of folders) {
    const name = `@holdfast/${nameOf(folder)}`;
    const dependencies = Object.fromEntries(folders.map((other) => [`@holdfast/${nameOf(other)}`, '*']));
    const manifest = { name, type: 'module', exports: { '.': { '@holdfast/source': './src/index.ts' } }, dependencies };
    write(`${folder}/package.json`, JSON.stringify({ ...manifest, devDependencies: { 'uWebSockets.js': '*' } }));
    write(`${folder}/src/index.ts`, 'export const entry = 1;\n');
    write(`${folder}/src/inner.ts`, 'export const inner = 1;\n');
    symlinkSync(join(root, folder), join(root, 'node_modules', name));
  }
  for (const [path, text] of Object.entries(files)) write(path, text);
  const result = spawnSync(
    process.execPath,
    [
      join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      join(repository, '.dependency-cruiser.cjs'),
      '--output-type',
      'json',
      ...['libs', 'services', 'test'],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (!result.stdout.startsWith('{')) throw new Error(`dependency-cruiser: ${result.stdout}${result.stderr}`);
  return (JSON.parse(result.stdout) as { summary: { violations: Violation[] } }).summary.violations;
}

const root = mkdtempSync(join(tmpdir(), 'holdfast-imports-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** One file each that breaks one rule, with the rule that must catch it. */
const OFFENDERS: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['no-deep-import', 'services/web/src/deep.ts', "import '../../../libs/client/src/inner.js';"],
  ['resolvable', 'libs/client/src/deep.test.ts', "import '@holdfast/protocol/src/inner.js';"],
  ['no-deep-import-from-root', 'test/deep.test.ts', "import '../libs/client/src/inner.js';"],
  ['no-relative-import-of-package', 'services/web/src/relative.ts', "import '../../../libs/client/src/index.js';"],
  ['uwebsockets-in-one-file', 'services/gateway/src/room.ts', "import type { App } from 'uWebSockets.js';"],
  ['uwebsockets-in-one-file', 'services/session-api/src/server.ts', "import 'uWebSockets.js';"],
  ['testkit-in-tests-only', 'services/gateway/src/borrowed.ts', "import '@holdfast/testkit';"],
  ['no-test-in-product', 'libs/config/src/uses-test.ts', "import './some.test.js';"],
  ['browser-safe', 'libs/protocol/src/reads-files.ts', "import 'node:fs';"],
  ['browser-safe', 'libs/client/src/hashes.ts', "import 'node:crypto';"],
  ['browser-safe', 'services/web/src/env.tsx', "import 'node:process';"],
  ['declared-dependency', 'libs/config/src/undeclared.ts', "import 'undeclared';"],
  ['resolvable', 'libs/config/src/lost.ts', "import './nowhere.js';"],
  ['no-cycle', 'libs/config/src/chicken.ts', "import './egg.js';\nexport const chicken = 1;"],
  ['no-cycle', 'libs/telemetry/src/a.ts', "import type { B } from './b.js';\nexport type A = B;"],
  ['gateway-room-without-place', `${GATEWAY}/cellar/wine.ts`, "import '../inner.js';"],
  ['gateway-room-without-place', `${GATEWAY}/room/cellar/wine.ts`, "import '../../inner.js';"],
  ['gateway-ports-imports-downwards', `${GATEWAY}/ports/climbs.ts`, "import '../inner.js';"],
  ['package-without-row', 'libs/newcomer/src/index.ts', "import '@holdfast/protocol';"],
];

const PERMITTED: readonly (readonly [path: string, text: string])[] = [
  ['services/gateway/src/server/server.ts', "import 'uWebSockets.js';"],
  ['services/gateway/src/own.ts', "import { inner } from './inner.js';\nexport const own = inner;"],
  ['services/gateway/src/own.test.ts', "import '@holdfast/testkit';\nimport './inner.js';"],
  ['libs/protocol/test/own.test.ts', "import '@holdfast/testkit';\nimport '../src/inner.js';\nimport 'node:fs';"],
  ['test/whole.test.ts', "import '@holdfast/testkit';\nimport '@holdfast/config';"],
  ['libs/config/src/egg.ts', "import './chicken.js';\nexport const egg = 1;"],
  ['libs/telemetry/src/b.ts', "import type { A } from './a.js';\nexport type B = A | 1;"],
  ['libs/config/src/some.test.ts', 'export const test = 1;'],
];

describe('the import rules', () => {
  let violations: Violation[] = [];
  const roomImport = (from: string, to: string) => `${GATEWAY}/${from}/imports-${to.replace('/', '-')}.ts`;
  const importOfRoom = (from: string, to: string) =>
    `import type { entry } from '${'../'.repeat(from.split('/').length)}${to}/entry.js';`;
  const importFile = (from: string, to: string) => `${from}/src/imports-${nameOf(to)}.ts`;

  beforeAll(() => {
    const every = folders.flatMap((from) =>
      folders
        .filter((to) => to !== from)
        .map((to) => [importFile(from, to), `import type { entry } from '@holdfast/${nameOf(to)}';`] as const),
    );
    const gatewayRooms = ROOMS.flatMap((from) => [
      [`${GATEWAY}/${from}/entry.ts`, 'export const entry = 1;'] as const,
      ...ROOMS.filter((to) => to !== from).map((to) => [roomImport(from, to), importOfRoom(from, to)] as const),
    ]);
    const single = [...OFFENDERS.map(([, path, text]) => [path, text] as const), ...PERMITTED];
    violations = cruise(root, Object.fromEntries([...every, ...gatewayRooms, ...single]));
  });

  it.each(folders)('let %s import what its row names, and nothing else', (from) => {
    const caught = folders.filter((to) =>
      violations.some((v) => v.from === importFile(from, to) && v.rule.name === `${from.replace('/', '-')}-imports`),
    );
    const allowed = (TABLE[from] ?? '').split(' ');
    expect(caught).toEqual(folders.filter((to) => to !== from && !allowed.includes(nameOf(to))));
  });

  it.each(ROOMS)("let the gateway's %s import its own room and those below it", (from) => {
    const caught = ROOMS.filter((to) => violations.some((violation) => violation.from === roomImport(from, to)));
    expect(caught).toEqual(ROOMS.slice(0, ROOMS.indexOf(from)));
  });

  it.each(OFFENDERS)('%s: catches %s', (rule, path) => {
    expect(violations.filter((v) => v.from === path).map((v) => v.rule.name)).toContain(rule);
  });

  it('leave permitted imports alone', () => {
    const paths = PERMITTED.map(([path]) => path).filter((path) => !/egg|\/b\.ts/.test(path));
    expect(violations.filter((v) => paths.includes(v.from))).toEqual([]);
  });
});
