/** A stored message, as the history gives it. */
export interface StoredMessage {
  readonly seq: number;
  readonly id: string;
  readonly content: string;
}

/** Where a check reads what has been stored. */
export interface HistoryReader {
  /** Everything kept after a number, oldest first. Empty when there is no such session. */
  read(sessionId: string, afterSeq: number): Promise<StoredMessage[]>;
  /** Clears a session away once it has been audited. */
  remove(sessionId: string): Promise<void>;
}
