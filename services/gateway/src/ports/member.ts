import type { CloseCode, ServerFrame, WireProtocol } from '@holdfast/protocol';

/**
 * A connection as its room sees it. Frames reach the client in the order of the calls, whichever method was given them;
 * none is sent after one that was dropped (F6). Every method may be called after the close, and then does nothing.
 */
export interface Member {
  readonly protocol: WireProtocol;
  /** Whether its own messages are stored (`redis_persistence`), and whether it is told about the stored history. */
  readonly persistent: boolean;
  /** Whether it wants signals and presence (V10). */
  readonly presence: boolean;
  readonly connectionId: string;
  readonly closed: boolean;
  /**
   * Notes that the member is shown a message that is not stored yet.
   *
   * @param name of the message; repetitions have the same
   * @returns false when it is not to be shown: the member was shown it before, and its protocol has no id to tell it by
   */
  showPending(name: string): boolean;
  /**
   * Whether the member was shown this message before it was stored, and has no id to tell it by: then it is not given
   * the stored one (D3). Forgets the message, so it is asked once for each.
   */
  sawPending(message: { readonly senderKey: string; readonly id: string }): boolean;
  /** Sends frames that are rendered already. A drop closes the member soon after the call, never within it (F6). */
  write(frames: readonly (string | Uint8Array)[]): void;
  /** Sends one frame; on the plain protocol only those that P1 to P5 give it. */
  tell(frame: ServerFrame): void;
  /**
   * Puts the member into a group, whose published frames it gets from then on; undefined takes it out of its group.
   *
   * @returns whether it is in a group now. Plain members, and sockets that know no groups, have to be written to.
   */
  group(name: string | undefined): boolean;
  /**
   * Closes the member when its send buffer is above the limit (F6). What is published to a group is not checked before.
   */
  checkBacklog(): void;
  /** Bytes that the network has not taken yet. */
  bufferedBytes(): number;
  /**
   * Calls back once, when the network has taken everything or the member has closed; at once when nothing is buffered.
   */
  onceDrained(callback: () => void): void;
  /** Starts the closing handshake; the member is closed when this returns. */
  close(code: CloseCode): void;
}
