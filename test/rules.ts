/** Reads numbered rules out of design documents, and citations of them out of everything else. */

/** A file of the repository. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** A rule as a document defines it. */
interface Rule {
  readonly name: string;
  readonly document: string;
  /** Stands under "Not in this release". */
  readonly isPlanned: boolean;
}

/** A rule's number somewhere in a file. */
interface Citation {
  readonly rule: string;
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** A letter that rules begin with and one or two digits, which are no part of a longer word, path, number or colour. */
const RULE = /(?<![\w#\\/.-])[A-HKMNPRSTUVW]\d{1,2}(?![\w])/g;
/** One or more rules at the beginning of a text, as in `P2, V2: …`. */
const TEST_NAME = /(['"`])((?:[A-Z]\d{1,2}, )*[A-Z]\d{1,2}): (?:(?!\1).)*/g;
/** The simulation names the rule that it breaks, or finds broken. */
const BROKEN_RULE = /\b(?:rule: |fail\()'([A-Z]\d{1,2})'/gi;
const DEFINITION = /^- \*\*([A-Z]\d{1,2})\*\*/;
const PLANNED = /^## Not in this release$/;

/** Where comments of a kind of file begin; they go on to the end of the line. */
const COMMENTS: readonly (readonly [files: RegExp, comment: RegExp])[] = [
  // Lines of a block comment begin with a star here: the formatter sees to that.
  [/\.([cm]?js|tsx?)$/, /(?:^\s*\{?\/?\*+|(?:^|\s)\/\/|\s\/\*+)\s(.*)$/],
  [/\.lua$/, /--(.*)$/],
  [/\.(ya?ml|cfg|conf)$/, /(?:^|\s)#(.*)$/],
];
/** A header comment of a script, which a line-wise look at comments would miss. */
const LUA_BLOCK = /^--\[\[[\s\S]*?\]\]/;

export function isTest(path: string): boolean {
  return /(\.test\.tsx?|-contract\.ts)$/.test(path);
}

/** Whether citations are looked for in a file. */
export function mayCite(path: string): boolean {
  return path.endsWith('.md') || COMMENTS.some(([files]) => files.test(path));
}

export function rulesOf({ path, text }: TextFile): Rule[] {
  let isPlanned = false;
  const rules: Rule[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) isPlanned = PLANNED.test(line);
    const name = DEFINITION.exec(line)?.[1];
    if (name) rules.push({ name, document: path, isPlanned });
  }
  return rules;
}

/** The parts of a line that speak of rules: of code its comments, the names of its tests, and what it says is broken. */
function prose(path: string, line: string): string {
  if (path.endsWith('.md')) return line.replace(DEFINITION, '');
  const comment = COMMENTS.find(([files]) => files.test(path))?.[1].exec(line)?.[1] ?? '';
  const names = [...line.matchAll(TEST_NAME)].map(([name]) => name.slice(1));
  const broken = [...line.matchAll(BROKEN_RULE)].map(([, rule = '']) => rule);
  return [comment, ...names, ...broken].join(' ');
}

export function citationsIn({ path, text }: TextFile): Citation[] {
  const header = path.endsWith('.lua') ? (LUA_BLOCK.exec(text)?.[0].split('\n').length ?? 0) : 0;
  return text.split('\n').flatMap((line, index) => {
    const read = index < header ? line : prose(path, line);
    return [...read.matchAll(RULE)].map(([rule]) => ({ rule, path, line: index + 1 }));
  });
}

/** The rules that the names of a file's tests begin with. */
export function heldBy({ text }: TextFile): string[] {
  return [...text.matchAll(TEST_NAME)].flatMap(([, , rules = '']) => rules.split(', '));
}

/** Says what is wrong with the rules of a repository and with what cites them, a sentence each. */
export function faultsOf(documents: readonly TextFile[], files: readonly TextFile[]): string[] {
  const rules = documents.flatMap(rulesOf);
  const documentOf = new Map<string, string>();
  const faults: string[] = [];
  for (const { name, document } of rules) {
    const other = documentOf.get(name);
    if (other !== undefined) faults.push(`${name} is defined in ${other} and in ${document}`);
    else documentOf.set(name, document);
  }
  const citations = files.flatMap(citationsIn);
  for (const { rule, path, line } of citations) {
    if (!documentOf.has(rule)) faults.push(`${path}:${line} cites ${rule}, which no document defines`);
  }
  const held = new Set(files.filter(({ path }) => isTest(path)).flatMap(heldBy));
  for (const { name, document, isPlanned } of rules) {
    if (!citations.some(({ rule, path }) => rule === name && path !== document)) {
      faults.push(`${name} of ${document} is cited nowhere else`);
    }
    if (!isPlanned && !held.has(name)) faults.push(`${name} of ${document} is in no test's name`);
  }
  return faults;
}
