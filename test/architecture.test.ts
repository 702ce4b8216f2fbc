import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import {
  AUDIT_REPORT_KEY,
  auditBegunKey,
  BROADCAST_CHANNEL,
  broadcastKey,
  liveChannel,
  logKey,
  nameIndexKey,
  orphanKey,
  quarantinePrefix,
  sessionKey,
  tombstoneKey,
} from '@holdfast/session-store';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';

interface ImportRule {
  readonly name: string;
  readonly comment: string;
}

const GATEWAY = 'services/gateway/src';
const text = readFileSync(join(REPOSITORY, 'ARCHITECTURE.md'), 'utf8');
const rules = (createRequire(import.meta.url)('../.dependency-cruiser.cjs') as { forbidden: ImportRule[] }).forbidden;

/** What stands in backquotes and looks like a file of the repository. */
const paths = [...text.matchAll(/`([\w./-]+\/[\w./-]+\.(?:ts|tsx|lua|md|mjs|js|cjs|json|yml))`/g)].map(
  ([, path = '']) => path,
);

/** The rows of the table whose first column has this heading, cell by cell. */
function table(heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`)) + 2;
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  const rows = lines.slice(start, start + length);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const unquoted = (cell = ''): string => /^`([^`]+)`/.exec(cell)?.[1] ?? '';

function folders(parent: string): string[] {
  const entries = readdirSync(join(REPOSITORY, parent), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

describe('ARCHITECTURE.md', () => {
  it('names only files that exist', () => {
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  });

  it.each(['way out', 'way back'])(
    '%s: the line of the picture and its table name the same files in one order',
    (way) => {
      const line = text.split('\n').find((each) => each.startsWith(way)) ?? '';
      const drawn = line.split('─▶').map((step) => step.trim());
      const steps = table(way).map(([file]) => basename(unquoted(file)));
      expect(drawn.slice(1, -1)).toEqual(steps);
    },
  );

  it('names every package, with what the import rules let it import', () => {
    const found = ['libs', 'services'].flatMap((parent) => folders(parent).map((name) => `${parent}/${name}`));
    const rows = table('package').map(([folder, , imports]) => `${unquoted(folder)} may import ${imports}`);
    const allowed = found.map((folder) => {
      const rule = rules.find(({ name }) => name === `${folder.replace('/', '-')}-imports`);
      return rule?.comment.replaceAll(/(?<= )(libs|services)\//g, '');
    });
    expect(rows.toSorted()).toEqual(allowed.toSorted());
  });

  it('names every folder of the gateway, in the order in which they may import', () => {
    const rows = table('folder').map(([room]) => unquoted(room));
    const order = rules
      .filter(({ name }) => name.endsWith('-imports-downwards'))
      .map(({ comment }) => /^services\/gateway\/src\/(\S+)/.exec(comment)?.[1]);
    expect(rows).toEqual(order);
    const inTree = readdirSync(join(REPOSITORY, GATEWAY), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => dirname(join(entry.parentPath, entry.name)).slice(join(REPOSITORY, GATEWAY).length + 1))
      .filter((folder) => folder !== '');
    expect([...new Set(inTree)].toSorted()).toEqual(rows.toSorted());
  });

  it('names every key and channel of Redis', () => {
    const ofSession = [sessionKey, logKey, nameIndexKey, liveChannel, tombstoneKey, quarantinePrefix, orphanKey];
    const keys = [
      ...ofSession.map((keyOf) => keyOf('ID')),
      AUDIT_REPORT_KEY,
      auditBegunKey('NAME'),
      BROADCAST_CHANNEL,
      broadcastKey('ID'),
      '{bull}:audits',
    ];
    expect(table('key').map(([key]) => unquoted(key))).toEqual(expect.arrayContaining(keys));
  });
});
