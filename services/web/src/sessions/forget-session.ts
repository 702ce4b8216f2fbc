import { keysOf, writeText } from '../browser-storage.js';
import { draftKey } from '../chat/use-draft.js';

/** Removes what this browser keeps of a session: its messages, those that were not sent, and its draft. */
export function forgetSession(id: string): void {
  for (const key of [...keysOf('localStorage', `holdfast:${id}:`), draftKey(id)]) {
    writeText('localStorage', key, undefined);
  }
  writeText('sessionStorage', draftKey(id), undefined);
}
