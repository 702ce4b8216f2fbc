import type { CloseCode, ServerFrame, WireProtocol } from '@holdfast/protocol';

/** A connection as its room sees it. */
export interface Member {
  readonly protocol: WireProtocol;
  /** Whether its own messages are stored (`redis_persistence`), and it is told about the stored history. */
  readonly persistent: boolean;
  /** Whether it wants signals and presence (V10). */
  readonly presence: boolean;
  readonly connectionId: string;
  /**
   * Notes that it is shown a message that is not stored yet, under a name that repetitions share.
   *
   * @returns false when it was shown it before, and cannot tell itself
   */
  showPending(name: string): boolean;
  /** Whether it was shown this message before it was stored, and cannot tell itself; asked once a message (D3). */
  sawPending(message: { readonly senderKey: string; readonly id: string }): boolean;
  /** Sends frames in order; after a dropped one nothing is sent any more (F6). */
  write(frames: readonly (string | Uint8Array)[]): void;
  /**
   * Has it sent what is published to a group instead of what is written to it; nothing: not any more.
   *
   * @returns whether it is; a plain member, and a socket that cannot, is written to
   */
  group(name: string | undefined): boolean;
  /** Closes it when its backlog has passed the limit (F6). */
  checkBacklog(): void;
  /** Sends one frame; nothing on the plain protocol, except those the rules give it. */
  tell(frame: ServerFrame): void;
  /** Bytes that the network has not taken yet. */
  bufferedBytes(): number;
  /** Calls back once when the network has taken what was buffered. */
  onceDrained(callback: () => void): void;
  close(code: CloseCode): void;
  readonly closed: boolean;
}
