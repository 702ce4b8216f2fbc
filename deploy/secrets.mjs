#!/usr/bin/env node
// Makes random secrets for compose.yml, each in a file that git ignores. What is there already stays as it is.
//
//   node deploy/secrets.mjs [FOLDER]
//
// FOLDER  where the files are written   (default: env/ beside this file)
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';

/** The secrets in each file. */
const FILES = {
  'secrets.env': ['ADMIN_TOKEN', 'API_KEYS', 'AUTH_JWT_SECRET'],
  'grafana.env': ['GF_SECURITY_ADMIN_PASSWORD'],
};
/** More than anybody can guess: 256 bits. */
const BYTES = 32;

const folder = process.argv[2] ?? fileURLToPath(new URL('env/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [file, names] of Object.entries(FILES)) {
  const path = join(folder, file);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const missing = names.filter((name) => !parseEnv(before)[name]);
  const lines = missing.map((name) => `${name}=${randomBytes(BYTES).toString('base64url')}\n`);
  const separator = before === '' || before.endsWith('\n') ? '' : '\n';
  // Only its owner may read the file.
  if (missing.length > 0) appendFileSync(path, separator + lines.join(''), { mode: 0o600 });
  const said = missing.length > 0 ? `made ${missing.join(', ')}` : `has ${names.join(', ')} already`;
  process.stdout.write(`${path} ${said}\n`);
}
