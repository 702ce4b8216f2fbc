const FORM = /^\{"type":"send","id":"([A-Za-z0-9._~-]{1,64})","content":("[^"\\\p{Cc}]+")\}$/u;

/**
 * Reads a send as almost every client writes it (V20): an id and a content without escapes, which stands in the frame
 * of V2 as it stands here. Spares parsing and rendering it.
 *
 * @param maxBytes of a content (C6)
 * @returns nothing for any other frame: it has to be parsed
 */
export function ordinarySend(
  text: string,
  maxBytes: number,
): { readonly id: string; readonly contentJson: string } | undefined {
  // A string's UTF-8 takes one to three bytes per unit: none of these is too large.
  if (text.length * 3 > maxBytes) return undefined;
  const [, id, contentJson] = FORM.exec(text) ?? [];
  return id === undefined || contentJson === undefined ? undefined : { id, contentJson };
}
