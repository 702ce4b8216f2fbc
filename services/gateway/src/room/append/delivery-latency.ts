import { idHash, type LiveMessage, messageIdHash } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { Clock } from '../../ports/clock.js';
import type { Sending } from './waiting-list.js';

/** Measures how long a message takes from its arrival to its delivery, on the first message of each batch. */
export class DeliveryLatency {
  readonly #clock: Clock;
  readonly #histogram: GatewayMetrics['deliverySeconds'];
  #measured: { readonly hash: number; readonly arrivedMs: number } | undefined;

  /** @param histogram of seconds */
  constructor(clock: Clock, histogram: GatewayMetrics['deliverySeconds']) {
    this.#clock = clock;
    this.#histogram = histogram;
  }

  /** A batch is sent to the store. */
  begin(batch: readonly Sending[]): void {
    const [first] = batch;
    this.#measured = first && { hash: idHash(first.message.id), arrivedMs: first.arrivedMs };
  }

  /** The room delivers messages. @param first the first of them */
  delivered(first: LiveMessage): void {
    if (!this.#measured || this.#measured.hash !== messageIdHash(first)) return;
    this.#histogram.observe((this.#clock.monotonic() - this.#measured.arrivedMs) / 1000);
    this.#measured = undefined;
  }
}
