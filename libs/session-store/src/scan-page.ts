/** One master, as SCAN needs it. */
export interface ScanTarget {
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', size: number): Promise<[string, string[]]>;
}

/** Keys a server looks at in one call: short enough not to be felt by others. */
const SCAN_COUNT = 500;
/** Calls one page may take; a page of a rare prefix may be short, or empty, with more to come. */
const CALLS_PER_PAGE = 200;

/** Where a listing goes on: the master, the cursor there, and how many keys of that cursor's answer were given out. */
interface Place {
  target: number;
  cursor: string;
  skip: number;
}

/**
 * Reads at most `limit` keys, going over one master after the other.
 *
 * @param cursor what an earlier page answered
 * @returns the keys, and the cursor to go on from, `null` at the end
 */
export async function scanPage(
  targets: readonly ScanTarget[],
  pattern: string,
  limit: number,
  cursor = '0:0:0',
): Promise<{ keys: string[]; cursor: string | null }> {
  const place = parsePlace(cursor);
  const keys = new Set<string>();
  for (let calls = 0; calls < CALLS_PER_PAGE; calls++) {
    const target = targets[place.target];
    if (!target) return { keys: [...keys], cursor: null };
    const [next, found] = await target.scan(place.cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    for (const key of found.slice(place.skip)) {
      if (keys.size === limit) return { keys: [...keys], cursor: renderPlace(place) };
      keys.add(key);
      place.skip += 1;
    }
    place.cursor = next;
    place.skip = 0;
    if (next === '0') place.target += 1;
  }
  return { keys: [...keys], cursor: renderPlace(place) };
}

/** Whether a text has the form of a cursor that {@link scanPage} answers. */
export function isScanCursor(text: string): boolean {
  return /^\d{1,6}:\d{1,20}:\d{1,9}$/.test(text);
}

function parsePlace(cursor: string): Place {
  const [target = '0', scanCursor = '0', skip = '0'] = cursor.split(':');
  return { target: Number(target), cursor: scanCursor, skip: Number(skip) };
}

function renderPlace(place: Place): string {
  return `${place.target}:${place.cursor}:${place.skip}`;
}
