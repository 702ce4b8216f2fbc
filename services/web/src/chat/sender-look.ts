const HUES = 24;

/** A colour and initials by which a sender is told from others, always the same for the same name. */
export function senderLook(sender: string) {
  let hash = 0;
  for (const character of sender) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  const hue = (hash % HUES) * (360 / HUES);
  const initials = sender.replace(/[^\p{L}\p{N}]/gu, '').slice(0, 2);
  // Dark enough for white letters on every hue.
  return { color: `hsl(${hue} 55% 36%)`, initials: initials.toUpperCase() || '?' };
}
