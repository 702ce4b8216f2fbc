/** What became of a send: `dropped` means the frame is not and will never be sent (F6). */
export type SendOutcome = 'sent' | 'buffered' | 'dropped';

/** One WebSocket as delivery code sees it; {@link module:server} makes them. Nothing is called after its close. */
export interface Socket {
  /** Sends one text frame. */
  send(frame: string | Uint8Array): SendOutcome;
  /** Bytes accepted but not yet taken by the network. */
  bufferedBytes(): number;
  /** Sends everything the callback sends as one write. */
  cork(write: () => void): void;
  /** From here on it is sent what is published to a group; absent where there are no groups. */
  enterGroup?(group: string): void;
  /** What was published before is still sent, if anything is sent at all. */
  leaveGroup?(group: string): void;
  /** Starts the closing handshake; the close event comes before this returns. */
  close(code: number, reason: string): void;
}

/** Sends one text frame to every socket of a group, in order with what is sent to each of them alone. */
export type PublishToGroup = (group: string, frame: Uint8Array) => void;

/** What the WebSocket server calls for one connection. Nothing is called after `ended`. */
export interface SocketEvents {
  /** The bytes are valid during the call only. */
  receive(data: ArrayBuffer, isBinary: boolean): void;
  /** The network has taken what was buffered, or some of it. */
  drained(): void;
  ended(code: number): void;
}
