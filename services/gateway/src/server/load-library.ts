import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HEAD_MAX_BYTES, HEAD_PROXY_BYTES } from '@holdfast/protocol';

export type Library = typeof import('uWebSockets.js');

/** The package that the lock file has. It is not made by the library's authors (N5). */
const PACKAGE = 'uWebSockets.js';
/** SHA-256 of every binary of {@link PACKAGE}, as `sha256sum` writes them. The path is the same from `src` and `dist`. */
const KNOWN = new URL('../../uwebsockets.sha256', import.meta.url);

/**
 * Loads the WebSocket library. Its binary for this machine has to be a known one, because it runs with all rights of
 * this process (N5).
 *
 * The library takes its limit on heads from the environment, when it is loaded. It applies it to heads that come in
 * several segments; of others it takes larger ones too, so that the head is counted again (H5).
 *
 * @param instead another package, or the path of one, which somebody vouches for: it is loaded as it is
 * @param known text of the file of known binaries
 * @throws {Error} one sentence for the operator, when there is no binary for this machine, or an unknown one
 */
export function loadLibrary(instead?: string, known = readFileSync(KNOWN, 'utf8')): Library {
  // biome-ignore lint/style/noProcessEnv: the library can be told in no other way.
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(HEAD_MAX_BYTES + HEAD_PROXY_BYTES);
  const { require, name } = { require: createRequire(import.meta.url), name: instead ?? PACKAGE };
  let path: string;
  let binary: Buffer | undefined;
  try {
    path = require.resolve(name);
    if (instead === undefined) binary = readFileSync(join(dirname(path), binaryName()));
  } catch (cause) {
    throw notLoaded(name, cause);
  }
  if (binary !== undefined && !isKnown(binary, known)) {
    throw new Error(
      `${binaryName()} of ${PACKAGE} is not the binary that this release knows: install the packages anew, or name the package to use in UWEBSOCKETS_PACKAGE.`,
    );
  }
  try {
    return require(path) as Library;
  } catch (cause) {
    throw notLoaded(name, cause);
  }
}

function binaryName(): string {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
}

function isKnown(binary: Buffer, known: string): boolean {
  const sha256 = createHash('sha256').update(binary).digest('hex');
  return known.split('\n').includes(`${sha256}  ${binaryName()}`);
}

function notLoaded(name: string, cause: unknown): Error {
  const platform = `${process.platform} ${process.arch} with Node ${process.versions.node}`;
  return new Error(
    `${name} cannot be loaded on ${platform}: use Node 20 with glibc 2.27 or later, or Node 22 and later with glibc 2.38 or later.`,
    { cause },
  );
}
