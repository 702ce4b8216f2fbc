import { setFlagsFromString } from 'node:v8';

/** From this many messages a second on the heap gets room. */
const BUSY_PER_SECOND = 500;
const CHECK_EVERY_MS = 1_000;
/** `--semi-space-growth-factor` with room: more than the largest young generation divided by the smallest. */
const GROWTH_FACTOR = 1_024;
/** `--heap-growing-percent` without room: how much old objects may grow until they are collected. */
const TIGHT_PERCENT = 20;
/** With room V8 decides by itself, and may let them grow several times. */
const V8_DECIDES = 0;

/**
 * Gives the heap room while many messages come, and only then.
 *
 * With room, most of what a message needs is garbage before V8 collects it, and garbage that is young costs nothing to
 * collect. Without traffic the room does harm: connects alone would grow the young generation, which never shrinks
 * again, and their garbage would stay for minutes. Both together are a third of the memory of a silent connection.
 *
 * @param messagesIn messages that have come so far
 * @returns stops it
 */
export function tuneHeap(messagesIn: () => number): () => void {
  let before = messagesIn();
  let isBusy = false;
  setRoom(isBusy);
  const timer = setInterval(() => {
    const now = messagesIn();
    const perSecond = ((now - before) * 1000) / CHECK_EVERY_MS;
    before = now;
    if (perSecond >= BUSY_PER_SECOND === isBusy) return;
    isBusy = !isBusy;
    setRoom(isBusy);
  }, CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** V8 reads both flags each time it is about to let a part of the heap grow. */
function setRoom(hasRoom: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${hasRoom ? GROWTH_FACTOR : 1}`);
  setFlagsFromString(`--heap-growing-percent=${hasRoom ? V8_DECIDES : TIGHT_PERCENT}`);
}
