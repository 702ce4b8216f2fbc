import { ApiClient } from '../../api-client.js';
import { apiUrl, type CaseTarget } from './heavy-case.js';

/** Messages that a session keeps by default (K2). */
export const HISTORY_MESSAGES = 1_000;
/** The largest content: JSON writes each of its bytes with six, so that a message takes 98 KB in Redis. */
export const LARGEST_CONTENT = '\u0001'.repeat(16_384);

const AT_ONCE = 8;

/** Stores the largest history that a session may have: 98 MB as JSON, where nothing else bounds it. */
export async function storeLargeHistory(target: CaseTarget, session: string): Promise<void> {
  const api = new ApiClient(apiUrl(target));
  let begun = 0;
  const sender = async (): Promise<void> => {
    while (begun < HISTORY_MESSAGES) {
      begun += 1;
      const body = { content: LARGEST_CONTENT, id: `large-${begun}` };
      const { status } = await api.request('POST', `sessions/${session}/messages/`, body);
      if (status !== 200) throw new Error(`a message of the large history was answered with ${status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}
