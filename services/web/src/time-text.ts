const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** These take Unix milliseconds and answer in the reader's language and time zone. */
export const timeOfDay = (at: number) => TIME.format(at);
export const dayOf = (at: number) => DAY.format(at);
export const dateAndTime = (at: number) => FULL.format(at);

const UNITS = [
  { seconds: 86_400, name: 'd' },
  { seconds: 3_600, name: 'h' },
  { seconds: 60, name: 'min' },
  { seconds: 1, name: 's' },
] as const;

/** Writes a time to live in its two largest units, such as `1 h 59 min`. */
export function durationText(seconds: number): string {
  const left = Math.max(0, Math.floor(seconds));
  const first = UNITS.findIndex((unit) => left >= unit.seconds);
  if (first < 0) return '0 s';
  let rest = left;
  const parts = UNITS.slice(first, first + 2).map(({ seconds: unit, name }) => {
    const amount = Math.floor(rest / unit);
    rest -= amount * unit;
    return amount > 0 ? `${amount} ${name}` : '';
  });
  return parts.filter(Boolean).join(' ');
}
