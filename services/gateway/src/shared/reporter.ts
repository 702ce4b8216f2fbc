import type { Logger } from '@holdfast/telemetry';

/** Logs what happens to sessions, in the words of the original guides. */
export class Reporter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param ttl seconds */
  stored(sessionId: string, ttl: number): void {
    this.#logger.info({ sessionId, ttl }, `Session stored in Redis: ${sessionId}, TTL: ${ttl}s`);
  }

  loaded(sessionId: string, count: number): void {
    this.#logger.info({ sessionId, count }, `Session loaded from Redis: ${sessionId}, count: ${count}`);
  }

  /** @param fault what was wrong with what is now in quarantine (A6) */
  quarantined(sessionId: string, fault: string): void {
    this.#logger.error({ sessionId, fault }, `Session could not be read and was reset: ${sessionId}, ${fault}`);
  }

  /** @param count its newest number now */
  healed(sessionId: string, count: number): void {
    this.#logger.warn({ sessionId, count }, `Session healed from memory: ${sessionId}, count: ${count}`);
  }

  /** Two histories were joined under a new epoch (G4). */
  forked(sessionId: string, epoch: string): void {
    this.#logger.warn({ sessionId, epoch }, `Session had two histories, which are one now: ${sessionId}`);
  }
}
