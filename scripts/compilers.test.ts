import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

// Two packages bring a command tsc: docs/decisions/0027-typescript-7.md.
it('the command tsc is TypeScript 7, and the module typescript still has the interface dependency-cruiser needs', () => {
  expect(execFileSync(join(root, 'node_modules/.bin/tsc'), ['--version'], { encoding: 'utf8' })).toMatch(
    /^Version 7\./,
  );
  const typescript = createRequire(import.meta.url)('typescript') as { readonly createSourceFile?: unknown };
  expect(typescript.createSourceFile).toBeTypeOf('function');
});
