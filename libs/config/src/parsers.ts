import { readFileSync } from 'node:fs';
import { isLoopback } from './loopback.js';
import { hostName, parseOrigin } from './origin.js';
import { parseUrl } from './parse-url.js';

/** Turns the text of an environment variable into a value. */
export interface Parser<T> {
  /** What is allowed, in words that follow "must be". */
  readonly allowed: string;
  /** @throws {ValueError} when the text is not allowed */
  parse(text: string): T;
}

/** The text is not allowed. The message goes on after the variable's name: "must be …". */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

function parser<T>(allowed: string, accept: (text: string) => T | undefined): Parser<T> {
  return {
    allowed,
    parse(text) {
      const value = accept(text);
      if (value === undefined) throw new ValueError(`must be ${allowed}`);
      return value;
    },
  };
}

/** A decimal whole number. @param unit as the message names it; may be empty */
export function whole(unit: string, min: number, max: number): Parser<number> {
  return parser(`a whole number${unit && ` of ${unit}`} from ${min} to ${max}`, (text) => {
    if (!/^\d{1,15}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  });
}

/** A decimal whole number, or 0 where there is to be no limit. @param unit as the message names it */
export function wholeOrZero(unit: string, min: number, max: number): Parser<number> {
  const { allowed, parse } = whole(unit, min, max);
  return { allowed: `0, or ${allowed}`, parse: (text) => (/^0+$/.test(text) ? 0 : parse(text)) };
}

/** A decimal number of seconds, which may have a fraction. */
export function seconds(min: number, max: number): Parser<number> {
  return parser(`a number of seconds from ${min} to ${max}`, (text) => {
    if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  });
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly [W, ...W[]]): Parser<W> {
  return parser(words.join(' or '), (text) => words.find((word) => word === text));
}

/** `true` or `false`. */
export const flag: Parser<boolean> = parser('true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
);

/** An IP address or a host name. */
export const host: Parser<string> = parser('an IP address or a host name, without a port', (text) =>
  /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(text) || /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text) ? text : undefined,
);

/** One line of printable ASCII, at most 512 characters. */
export const line: Parser<string> = parser('one line of text', (text) =>
  /^[\x20-\x7e]{1,512}$/.test(text) ? text : undefined,
);

/** Secrets, separated by commas, each long enough not to be guessed. @param what as the message names them */
function listOfSecrets(what: string): Parser<readonly string[]> {
  const allowed = `${what} of 32 to 512 printable characters without spaces, separated by commas, at most 8`;
  return parser(allowed, (text) => {
    const list = text.split(',').map((part) => part.trim());
    return list.length <= 8 && list.every((secret) => /^[!-~]{32,512}$/.test(secret)) ? list : undefined;
  });
}

/** Secrets of HS256. One that is shorter than its hash could be guessed (RFC 7518, section 3.2). */
export const secrets = listOfSecrets('secrets');

/** Keys that back ends send in a header. */
export const apiKeys = listOfSecrets('keys');

/** What contents are encrypted with in Redis (E1). Empty: nothing. */
export interface EncryptionSettings {
  /** Names and 32 bytes each, no name twice. All of them open what was sealed with them; the first one seals. */
  readonly keys: readonly { readonly kid: string; readonly key: Buffer }[];
  /** False: what is written stays in clear, and what was sealed is still opened. */
  readonly seals: boolean;
}

/** The word that stands before the keys where what is written stays in clear. */
const CLEAR = 'clear';

/** Keys of encryption, in the order of {@link EncryptionSettings}. */
export const encryptionKeys: Parser<EncryptionSettings> = parser(
  `keys of the form NAME:BASE64, separated by commas, at most 8: NAME is 1 to 32 letters, digits, _ and -, each another one, and BASE64 is 32 bytes; "${CLEAR}" may stand before them`,
  (text) => {
    const parts = text.split(',').map((part) => part.trim());
    const seals = parts[0] !== CLEAR;
    const keys = parts.slice(seals ? 0 : 1).map((part) => /^([\w-]{1,32}):([A-Za-z0-9+/]{43}=?)$/.exec(part));
    if (keys.length < 1 || keys.length > 8) return undefined;
    const read = keys.flatMap((match) =>
      match ? [{ kid: match[1] ?? '', key: Buffer.from(match[2] ?? '', 'base64') }] : [],
    );
    const isRight = read.length === keys.length && new Set(read.map(({ kid }) => kid)).size === keys.length;
    return isRight ? { keys: read, seals } : undefined;
  },
);

/** Certificates or a key in PEM, read from the file that the variable names. */
export const pemFile: Parser<string> = parser('the path of a PEM file that this process can read', (path) => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Whatever the reason is, it is one of the path's: the mistake names the variable.
    return undefined;
  }
  return /^-----BEGIN [A-Z ]+-----$/m.test(text) ? text : undefined;
});

/** Where public keys are fetched: nobody on the way can change them, nor does a password stand in the address. */
export const keysUrl: Parser<string> = parser(
  'an https URL without user and password, or an http one on this machine',
  (text) => {
    const url = parseUrl(text);
    if (!url) return undefined;
    const { protocol, hostname, username, password, hash } = url;
    const isLocal = protocol === 'http:' && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
    const isPlain = username === '' && password === '' && hash === '';
    return isPlain && (isLocal || protocol === 'https:') ? text : undefined;
  },
);

/** What the names of keys and channels begin with. `namesOf` of the session store allows the same. */
export const keyPrefix: Parser<string> = parser(
  'at most 64 letters, digits, dots, underscores, colons and hyphens',
  (text) => (/^[A-Za-z0-9._:-]{1,64}$/.test(text) ? text : undefined),
);

/** Origins as browsers send them, separated by commas. The value has each in its one spelling. */
export const origins: Parser<readonly string[]> = parser(
  'origins like https://chat.example.org or capacitor://localhost, separated by commas, without a path',
  (text) => {
    const list = text.split(',').map((part) => parseOrigin(part.trim()));
    return list.every((origin) => origin !== undefined) ? list : undefined;
  },
);

/** Names and addresses as they stand in `Host`, without a port, separated by commas; or `*`. In their one spelling. */
export const hosts: Parser<readonly string[]> = parser(
  'host names like chat.example.org, separated by commas, without a port; or *',
  (text) => {
    const list = text.split(',').map((part) => (part.trim() === '*' ? '*' : hostName(part.trim())));
    const isPlain = text.split(',').every((part) => part.trim() === '*' || !/:\d+$/.test(part.replace(/^.*\]/, '')));
    return isPlain && list.every((name) => name !== undefined) ? list : undefined;
  },
);

/** A token that is sent in a header. A shorter one could be guessed. */
export const adminToken: Parser<string> = parser('16 to 512 printable characters without spaces', (text) =>
  /^[!-~]{16,512}$/.test(text) ? text : undefined,
);

/** Redis URLs, separated by commas: `redis[s]://[user][:password@]host[:port][/database]`. */
export const redisUrls: Parser<readonly string[]> = parser(
  'Redis URLs like redis://user:password@host:6379/0 (rediss:// for TLS), separated by commas',
  (text) => {
    const list = text.split(',').map((part) => part.trim());
    return list.every(isRedisUrl) ? list : undefined;
  },
);

const QUERY = ['sentinel_username', 'sentinel_password'];

function isRedisUrl(text: string): boolean {
  const url = parseUrl(text);
  return (
    url !== undefined &&
    /^rediss?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    /^(\/\d{0,5})?$/.test(url.pathname) &&
    url.hash === '' &&
    [...url.searchParams.keys()].every((key) => QUERY.includes(key)) &&
    decodes(url.username) &&
    decodes(url.password)
  );
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
