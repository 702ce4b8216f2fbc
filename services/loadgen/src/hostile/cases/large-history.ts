import { ApiClient } from '../../api-client.js';
import { apiUrl, type CaseTarget } from './heavy-case.js';

/** Messages that a session keeps by default (K2). */
const HISTORY_MESSAGES = 1_000;
/** The largest content: JSON writes each of its bytes with six, so that a message takes 98 KB in Redis. */
export const LARGEST_CONTENT = '\u0001'.repeat(16_384);

const AT_ONCE = 4;

/**
 * Stores the largest history that a session may have: 98 MB as JSON, where nothing else bounds it.
 *
 * @returns the number of the newest message
 */
export async function storeLargeHistory(target: CaseTarget, session: string): Promise<number> {
  const api = new ApiClient(apiUrl(target));
  let left = HISTORY_MESSAGES;
  // Without an id each message is a first send, which is not searched for (A4).
  const body = { content: LARGEST_CONTENT };
  const sender = async (): Promise<void> => {
    // One whose answer is missing may be stored all the same: then there is one more.
    for (; left > 0; left--) await api.insist('POST', `sessions/${session}/messages/`, body);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  const { data } = (await api.insist('GET', `sessions/${session}/`)) as { data: { data: { count: number } } };
  return data.data.count;
}
