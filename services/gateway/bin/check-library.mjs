#!/usr/bin/env node
// Compares the binaries of the WebSocket library with those that the repository knows, after each installation (N5). An
// unknown one ends it with an error, before anything has loaded it.
//
//   node services/gateway/bin/check-library.mjs [FOLDER]
//
// FOLDER  that of the package   (default: node_modules/uWebSockets.js of the repository)
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../../node_modules/uWebSockets.js', import.meta.url));
const known = readFileSync(new URL('../uwebsockets.sha256', import.meta.url), 'utf8').split('\n');
// An installation of other workspaces does not have it.
const binaries = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.node')) : [];
const unknown = binaries.filter((name) => {
  const sha256 = createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex');
  return !known.includes(`${sha256}  ${name}`);
});
if (unknown.length > 0) {
  process.stderr.write(
    `Not the binaries of uWebSockets.js that this release knows: ${unknown.join(', ')} in ${folder}\n`,
  );
  process.exit(1);
}
