/** The token of an `Authorization` header; undefined where it has another scheme or none (RFC 6750). */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}
