import { useLayoutEffect, useRef, useState } from 'react';

/** Pixels from the bottom that still count as reading the newest. */
const NEAR = 48;

/**
 * Keeps a scrolling list at its newest entry, unless its reader has scrolled away from it. The list needs
 * `overflow-anchor: none`.
 *
 * @param newest changes when an entry is added at the end
 * @param isOwn whether that entry is the reader's own, which is always scrolled to
 */
export function useStickToBottom<Element extends HTMLElement>(newest: string | undefined, isOwn: boolean) {
  const list = useRef<Element>(null);
  const isSticking = useRef(true);
  /** The list's height before entries were put in front, until the place is restored. */
  const heightBefore = useRef<number>(undefined);
  const [isAway, setAway] = useState(false);

  const toBottom = () => {
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  };

  const onScroll = () => {
    const element = list.current;
    if (!element) return;
    isSticking.current = element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR;
    setAway(!isSticking.current);
  };

  /** Call when the next rendering puts entries in front: the reader stays where they are. */
  const keepPlace = () => {
    heightBefore.current = list.current?.scrollHeight;
  };

  useLayoutEffect(() => {
    if (newest !== undefined && isOwn) isSticking.current = true;
  }, [newest, isOwn]);

  // After every rendering, not only for a new entry: an entry that grows must not push the newest out of sight.
  useLayoutEffect(() => {
    const element = list.current;
    if (element && heightBefore.current !== undefined) element.scrollTop += element.scrollHeight - heightBefore.current;
    else if (isSticking.current) toBottom();
    heightBefore.current = undefined;
  });

  return { list, onScroll, toBottom, keepPlace, isAway };
}
