import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';

const SKIPPED = ['node_modules', 'dist', '.git', '.holdfast'];

/** Every Markdown file of the repository, by its path in it. */
function documents(folder = REPOSITORY): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : documents(path);
    return entry.name.endsWith('.md') ? [relative(REPOSITORY, path)] : [];
  });
}

const read = (file: string): string => readFileSync(join(REPOSITORY, file), 'utf8');
const withoutCode = (text: string): string =>
  text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** The anchors of a document's headings, as code hosts make them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links of a document that lead nowhere. */
function deadLinks(file: string): string[] {
  const targets = [...withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const there = path === '' ? file : join(dirname(file), path);
    if (!existsSync(join(REPOSITORY, there))) return true;
    return anchor !== undefined && !anchors(read(there)).includes(anchor);
  });
}

/** Paths of the repository in backquotes that are not there; a package's README may name its files from its own folder. */
function lostFiles(file: string): string[] {
  const paths = [...read(file).matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.[a-z]+)`/g)].map(([, path = '']) => path);
  const isOurs = (path: string) =>
    /^(libs|services|docs|deploy|k8s|grafana|scripts|test|examples|src|lua|bin)\//.test(path);
  const places = (path: string) => [join(REPOSITORY, path), join(REPOSITORY, dirname(file), path)];
  return paths.filter((path) => isOurs(path) && !places(path).some((place) => existsSync(place)));
}

/** Packages whose README names its entry points. */
const packages = documents().filter(
  (file) => /^(libs|services)\/[^/]+\/README\.md$/.test(file) && /Entry points/.test(read(file)),
);

/** Names among the entry points that no source of the package declares or exports. */
function lostEntryPoints(file: string): string[] {
  const line = /Entry points\*\*:([\s\S]*?)\n- /.exec(read(file))?.[1] ?? '';
  const names = [...line.matchAll(/`([A-Za-z_]\w+)(?:\([^`]*\))?`/g)].map(([, name = '']) => name);
  const src = join(REPOSITORY, dirname(file), 'src');
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path));
  const text = sources.map((path) => readFileSync(join(src, path), 'utf8')).join('\n');
  const isThere = (name: string) =>
    new RegExp(`\\b(export|function|class|const|interface|type)\\b[^\\n]*\\b${name}\\b`).test(text);
  return names.filter((name) => !isThere(name));
}

describe('the documents', () => {
  it.each(documents())('%s: every link leads somewhere', (file) => {
    expect(deadLinks(file)).toEqual([]);
  });

  it.each(documents().filter((file) => file !== 'CHANGELOG.md'))(
    '%s: every file of ours that it names exists',
    (file) => {
      expect(lostFiles(file)).toEqual([]);
    },
  );

  it.each(packages)('%s: the package has every entry point that it names', (file) => {
    expect(lostEntryPoints(file)).toEqual([]);
  });

  it('every document in docs/ is named by docs/README.md, or by the index of its folder, which that one names', () => {
    const links = (from: string, to: string) => read(from).includes(`](${relative(dirname(from), to)})`);
    const index = 'docs/README.md';
    const lost = documents(join(REPOSITORY, 'docs')).filter((file) => {
      const own = join(dirname(file), 'README.md');
      if (file === index || links(index, file)) return false;
      return !(existsSync(join(REPOSITORY, own)) && links(index, own) && links(own, file));
    });
    expect(lost).toEqual([]);
  });

  it('every package has a README', () => {
    const folders = ['libs', 'services'].flatMap((parent) =>
      readdirSync(join(REPOSITORY, parent)).map((name) => `${parent}/${name}/README.md`),
    );
    expect(folders.filter((file) => !existsSync(join(REPOSITORY, file)))).toEqual([]);
  });
});
