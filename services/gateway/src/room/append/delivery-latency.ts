import { idHash, type LiveMessage, messageIdHash } from '@holdfast/session-store';
import type { RoomContext } from '../../shared/gateway-context.js';
import type { Waiting } from './batch.js';

/**
 * Measures the first message of each batch, from its arrival to its delivery: one a batch tells how long that takes.
 */
export class DeliveryLatency {
  readonly #context: RoomContext;
  #timed: { readonly hash: number; readonly arrivedMs: number } | undefined;

  constructor(context: RoomContext) {
    this.#context = context;
  }

  begin(batch: readonly Waiting[]): void {
    const [first] = batch;
    this.#timed = first && { hash: idHash(first.message.id), arrivedMs: first.arrivedMs };
  }

  /** The room delivers a run of messages that begins with this one. */
  delivered(first: LiveMessage): void {
    if (!this.#timed || this.#timed.hash !== messageIdHash(first)) return;
    const { clock, metrics } = this.#context;
    metrics.deliverySeconds.observe((clock.monotonic() - this.#timed.arrivedMs) / 1000);
    this.#timed = undefined;
  }
}
