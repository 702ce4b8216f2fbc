const HUES = 24;

/** The colour and the initials of a sender. The same name always has the same. */
export function senderLook(sender: string) {
  let hash = 0;
  for (const character of sender) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  const hue = (hash % HUES) * (360 / HUES);
  const initials = sender.replace(/[^\p{L}\p{N}]/gu, '').slice(0, 2);
  // This lightness is dark enough for white letters, whatever the hue.
  return { color: `hsl(${hue} 55% 36%)`, initials: initials.toUpperCase() || '?' };
}
