const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a frame, copied: what the library hands over is valid during the call only, and checked where it is text.
 *
 * @returns nothing for a binary frame that is not UTF-8
 */
export function readText(data: ArrayBuffer, isBinary: boolean): string | undefined {
  if (!isBinary) return Buffer.from(data).toString('utf8');
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}
