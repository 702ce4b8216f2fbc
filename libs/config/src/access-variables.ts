import { apiKeys, flag, hosts, keysUrl, line, origins, secrets, whole } from './parsers.js';
import { ALL, PUBLIC, SESSION_API, type Variable, variable } from './variable.js';

/** Who may come in: the settings of origins, hosts and tokens, in the README's order. */
export const ACCESS_VARIABLES = {
  TRUST_PROXY: variable(
    flag,
    false,
    PUBLIC,
    '`true`: the client address is the last one of `X-Forwarded-For`; `X-Forwarded-Host` and `-Proto` say which host was asked. Only behind a proxy that sets `X-Forwarded-For`',
  ),
  ALLOWED_ORIGINS: variable<readonly string[]>(
    origins,
    [],
    PUBLIC,
    'Origins whose pages may connect, separated by commas, also of apps (`capacitor://localhost`); unset: pages of the same host only',
    '',
  ),
  ALLOWED_HOSTS: variable<readonly string[]>(
    hosts,
    [],
    ALL,
    'Names that requests may be addressed to in `Host`, separated by commas, besides `localhost`, loopback addresses and the hosts of `ALLOWED_ORIGINS`; `*` is any. Unset: only those on a loopback address, any on another one',
    '',
  ),
  AUTH_JWT_SECRET: variable<readonly string[]>(
    secrets,
    [],
    PUBLIC,
    'Secret that tokens are signed with (HS256), or several separated by commas, each of which is accepted: put a new one before the old one, sign with it, then take the old one away. 32 to 512 characters each, at most 8',
    '',
  ),
  AUTH_JWKS_URL: variable<string | undefined>(
    keysUrl,
    undefined,
    PUBLIC,
    'Where the public keys of the token issuer are, for tokens signed with RS256, ES256, EdDSA and their like: `https`, or `http` on this machine',
  ),
  AUTH_AUDIENCE: variable<string | undefined>(
    line,
    undefined,
    PUBLIC,
    'What the `aud` of a token must have; unset: it is not looked at. Set it where the issuer makes tokens for others too',
  ),
  AUTH_ISSUER: variable<string | undefined>(
    line,
    undefined,
    PUBLIC,
    'What the `iss` of a token must be; unset: it is not looked at',
  ),
  AUTH_MAX_TOKEN_SECONDS: variable(
    whole('seconds', 60, 315_360_000),
    2_592_000,
    PUBLIC,
    'Longest life of a token, in seconds from its `iat` to its `exp` (default 30 days); one that lives longer is refused. Revocations are kept for so long. The same for all gateways and APIs of a deployment',
  ),
  API_KEYS: variable<readonly string[]>(
    apiKeys,
    [],
    SESSION_API,
    'Keys of back ends, separated by commas: whoever sends one as `X-API-Key` may do everything. Each is accepted, so that a new one can be put beside the old one. Without tokens, management and sends need one. 32 to 512 characters each, at most 8',
    '',
  ),
  API_MANAGEMENT_PORT: variable<number | undefined>(
    whole('', 0, 65_535),
    undefined,
    SESSION_API,
    'Port of management: create, list, extend, delete, broadcast, and everything by key. `PORT` then answers those with 404. Never a public one; 0 takes any free one. Unset: `PORT` serves them too',
  ),
  AUTH_DISABLED: variable(
    flag,
    false,
    PUBLIC,
    '`true`: serve everybody, without tokens, on an address that is not loopback; not together with the settings of tokens',
  ),
} as const satisfies Record<string, Variable<unknown>>;
