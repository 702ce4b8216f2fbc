import { useLayoutEffect, useRef, useState } from 'react';

/** A reader this many pixels or fewer from the bottom counts as reading the newest entry. */
const NEAR = 48;

/**
 * Keeps a scrolling list at its newest entry unless the reader has scrolled away from it. The list must be styled with
 * `overflow-anchor: none`, or the browser scrolls as well.
 *
 * @param newest changes when an entry is added at the end
 * @param isOwn whether that entry is the reader's own; the list always scrolls to those
 */
export function useStickToBottom<Element extends HTMLElement>(newest: string | undefined, isOwn: boolean) {
  const list = useRef<Element>(null);
  const isSticking = useRef(true);
  /** Height of the list before entries were put in front. Absent when there is no place to restore. */
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

  /** Call this before a rendering that puts entries in front: the reader then stays at the same entry. */
  const keepPlace = () => {
    heightBefore.current = list.current?.scrollHeight;
  };

  useLayoutEffect(() => {
    if (newest !== undefined && isOwn) isSticking.current = true;
  }, [newest, isOwn]);

  // This runs after every rendering, because an entry that grows would push the newest out of sight too.
  useLayoutEffect(() => {
    const element = list.current;
    if (element && heightBefore.current !== undefined) element.scrollTop += element.scrollHeight - heightBefore.current;
    else if (isSticking.current) toBottom();
    heightBefore.current = undefined;
  });

  return { list, onScroll, toBottom, keepPlace, isAway };
}
