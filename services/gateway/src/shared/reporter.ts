import type { Logger } from '@holdfast/telemetry';

/**
 * Logs what happens to sessions. The lines of `stored` and `loaded` are those of the original guides, word for word;
 * operators search for them.
 */
export class Reporter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A session was created. @param ttl seconds */
  stored(sessionId: string, ttl: number): void {
    this.#logger.info({ sessionId, ttl }, `Session stored in Redis: ${sessionId}, TTL: ${ttl}s`);
  }

  /** A connection opened a session that was there. @param count its newest number */
  loaded(sessionId: string, count: number): void {
    this.#logger.info({ sessionId, count }, `Session loaded from Redis: ${sessionId}, count: ${count}`);
  }

  /** A session could not be read, and was put into quarantine (A6). @param fault why it could not be read */
  quarantined(sessionId: string, fault: string): void {
    this.#logger.error({ sessionId, fault }, `Session could not be read and was reset: ${sessionId}, ${fault}`);
  }

  /** Redis had lost messages, and has them again (G2). @param count the session's newest number now */
  healed(sessionId: string, count: number): void {
    this.#logger.warn({ sessionId, count }, `Session healed from memory: ${sessionId}, count: ${count}`);
  }

  /** Two histories were joined under a new epoch (G4). */
  forked(sessionId: string, epoch: string): void {
    this.#logger.warn({ sessionId, epoch }, `Session had two histories, which are one now: ${sessionId}`);
  }
}
