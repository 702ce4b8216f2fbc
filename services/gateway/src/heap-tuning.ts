import { setFlagsFromString } from 'node:v8';

/** Messages a second from which on the heap has room. */
const BUSY = 500;
const LOOK_MS = 1_000;
/** More times than the smallest young generation goes into the largest. */
const ALL = 1_024;
/** How much old objects may grow until they are collected, percent. 0: as much as V8 thinks fit, up to several times. */
const TIGHT = 20;
const FREE = 0;

/**
 * Gives the heap room while many messages come, and only then. With room, what a message needs has died before it is
 * collected, which is most of what collecting costs. Members who connect and say nothing would let the part that new
 * objects are made in grow too, which does not shrink again, and what their connecting leaves behind would stay for
 * minutes: a third of what they cost.
 *
 * @param messagesIn messages that have come so far
 * @returns ends it
 */
export function tuneHeap(messagesIn: () => number): () => void {
  let before = messagesIn();
  let isBusy = false;
  giveRoom(isBusy);
  const timer = setInterval(() => {
    const now = messagesIn();
    const perSecond = ((now - before) * 1000) / LOOK_MS;
    before = now;
    if (perSecond >= BUSY === isBusy) return;
    isBusy = !isBusy;
    giveRoom(isBusy);
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** V8 reads these each time it would let something grow. */
function giveRoom(hasRoom: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${hasRoom ? ALL : 1}`);
  setFlagsFromString(`--heap-growing-percent=${hasRoom ? FREE : TIGHT}`);
}
