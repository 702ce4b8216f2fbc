import { useCallback, useEffect, useRef, useState } from 'react';
import { readText, writeText } from '../browser-storage.js';

/** Characters of the longest draft that is kept. A longer one lasts as long as the page. */
const MAX_CHARACTERS = 100_000;

interface Draft {
  readonly text: string;
  /** Whether this tab has written it. Otherwise it is that of another tab, and goes when that one has sent it. */
  readonly isOwn: boolean;
  readonly isStored: boolean;
}

export const draftKey = (sessionId: string) => `holdfast-web:draft:${sessionId}`;

/**
 * The message that is being written in a session. Each tab has its own draft, which a reload brings back. A copy of one
 * of them outlives the tabs: a tab without a draft of its own shows it until the reader changes it.
 *
 * @param outlivesTab whether there is such a copy
 */
export function useDraft(sessionId: string, outlivesTab: boolean) {
  const key = draftKey(sessionId);
  const [draft, setDraft] = useState<Draft>(() => {
    const own = readText('sessionStorage', key);
    const text = own ?? (outlivesTab ? readText('localStorage', key) : undefined);
    return { text: text ?? '', isOwn: own !== undefined, isStored: true };
  });
  // Another tab may remove the copy between two drawings of this component, when `draft` is not the newest one.
  const newest = useRef(draft);
  const become = useCallback((next: Draft) => {
    newest.current = next;
    setDraft(next);
  }, []);

  const change = useCallback(
    (text: string) => {
      if (text.length > MAX_CHARACTERS) return become({ text, isOwn: true, isStored: false });
      // An empty draft is this tab's own too: it does not take over that of another tab.
      const isStored = writeText('sessionStorage', key, text);
      if (outlivesTab && text !== '') writeText('localStorage', key, text);
      // The copy of another tab's draft stays when this tab's is sent.
      else if (outlivesTab && readText('localStorage', key) === newest.current.text) {
        writeText('localStorage', key, undefined);
      }
      become({ text, isOwn: true, isStored });
    },
    [key, outlivesTab, become],
  );

  useEffect(() => {
    if (!outlivesTab) return;
    // What another tab writes meanwhile is not shown here: it would mix with what the reader is about to type.
    const forget = (event: StorageEvent) => {
      if (event.key === key && event.newValue === null && !newest.current.isOwn)
        become({ ...newest.current, text: '' });
    };
    const leave = () => {
      const { text, isOwn, isStored } = newest.current;
      if (isOwn && isStored && text !== '' && readText('localStorage', key) === undefined) {
        writeText('localStorage', key, text);
      }
    };
    globalThis.addEventListener('storage', forget);
    globalThis.addEventListener('pagehide', leave);
    return () => {
      globalThis.removeEventListener('storage', forget);
      globalThis.removeEventListener('pagehide', leave);
    };
  }, [key, outlivesTab, become]);

  return { text: draft.text, isStored: draft.isStored, change };
}
