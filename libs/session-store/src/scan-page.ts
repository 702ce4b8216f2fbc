/** One master whose keys are scanned. */
export interface ScanTarget {
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', size: number): Promise<[string, string[]]>;
}

/** Keys that a server looks at in one call: few enough that other clients do not notice. */
const SCAN_COUNT = 500;
/** Most calls for one page. A page of a rare prefix may therefore be short or empty with more to come. */
const CALLS_PER_PAGE = 200;

/**
 * Where a listing goes on: the master, the cursor there, and the last key that was returned from that cursor's answer.
 */
interface Place {
  target: number;
  cursor: string;
  after: string;
}

/**
 * Reads at most `limit` keys, going over one master after the other. A page may be short with more to come.
 *
 * SCAN shows every key that exists all the time, but the answer to one cursor changes as the server's table grows. So
 * an answer is returned whole, and one that is too large is asked for again in a smaller size. Only the smallest answer
 * there is, one slot of the table, is returned in parts.
 *
 * @param limit 1 or more
 * @param cursor of an earlier page
 * @returns the keys, and the cursor to go on from, `null` at the end
 * @throws {RangeError} when no page can have returned that cursor
 */
export async function scanPage(
  targets: readonly ScanTarget[],
  pattern: string,
  limit: number,
  cursor = '0:0:',
): Promise<{ keys: string[]; cursor: string | null }> {
  const place = parsePlace(cursor);
  const keys = new Set<string>();
  let size = place.after === '' ? SCAN_COUNT : 1;
  for (let calls = 0; calls < CALLS_PER_PAGE && keys.size < limit; calls++) {
    const target = targets[place.target];
    if (!target) return { keys: [...keys], cursor: null };
    const [next, answer] = await target.scan(place.cursor, 'MATCH', pattern, 'COUNT', size);
    const found = answer.filter((key) => key > place.after && !keys.has(key)).sort();
    const room = limit - keys.size;
    if (found.length > room && size > 1) {
      size = Math.max(1, Math.floor((size * room) / found.length / 2));
    } else if (found.length > room) {
      if (keys.size > 0) break;
      for (const key of found.slice(0, room)) keys.add(key);
      place.after = found[room - 1] ?? '';
    } else {
      for (const key of found) keys.add(key);
      place.after = '';
      place.cursor = next;
      if (next === '0') place.target += 1;
      size = Math.min(SCAN_COUNT, size * 2);
    }
  }
  return { keys: [...keys], cursor: place.target < targets.length ? renderPlace(place) : null };
}

function parsePlace(cursor: string): Place {
  const match = /^(\d{1,6}):(\d{1,20}):([\w-]*)$/.exec(cursor);
  if (!match) throw new RangeError('invalid cursor');
  const [, target, scanCursor = '0', after = ''] = match;
  return { target: Number(target), cursor: scanCursor, after: Buffer.from(after, 'base64url').toString() };
}

function renderPlace({ target, cursor, after }: Place): string {
  return `${target}:${cursor}:${Buffer.from(after).toString('base64url')}`;
}
