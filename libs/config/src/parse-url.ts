/**
 * Reads a URL. `URL.canParse` is not used anywhere: in Node 20 it refuses letters such as `ü` once it has been called
 * often enough to be compiled.
 *
 * @returns nothing when the text is none
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
