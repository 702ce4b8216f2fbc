import { setFlagsFromString } from 'node:v8';

/** Messages a second from which on the young generation may grow. */
const BUSY = 500;
const LOOK_MS = 1_000;
/** More times than the smallest goes into the largest. */
const ALL = 1_024;

/**
 * Lets the part of the heap that new objects are made in grow while many messages come, and only then. With room, what
 * a message needs has died before it is collected, which is most of what collecting costs. Members who connect and say
 * nothing would let it grow too, and it does not shrink again.
 *
 * @param messagesIn messages that have come so far
 * @returns ends it
 */
export function watchYoungGeneration(messagesIn: () => number): () => void {
  let before = messagesIn();
  let isBusy = false;
  mayGrow(isBusy);
  const timer = setInterval(() => {
    const now = messagesIn();
    const perSecond = ((now - before) * 1000) / LOOK_MS;
    before = now;
    if (perSecond >= BUSY === isBusy) return;
    isBusy = !isBusy;
    mayGrow(isBusy);
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** V8 reads it each time it would let it grow: not at all, or to all it may have. */
function mayGrow(may: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${may ? ALL : 1}`);
}
