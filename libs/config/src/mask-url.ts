import { parseUrl } from './parse-url.js';

/**
 * A URL that may be shown: user, password and the values of the query are replaced by `***`. A text that is no URL
 * becomes `***` as a whole.
 */
export function maskUrl(url: string): string {
  const masked = parseUrl(url);
  if (!masked) return '***';
  if (masked.username !== '') masked.username = '***';
  if (masked.password !== '') masked.password = '***';
  for (const key of masked.searchParams.keys()) masked.searchParams.set(key, '***');
  return masked.href;
}
