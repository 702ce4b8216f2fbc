/** What became of a frame. `buffered` ones are sent when the network takes them; `dropped` ones never (F6). */
export type SendOutcome = 'sent' | 'buffered' | 'dropped';

/**
 * One WebSocket as the connection sees it; the server makes them. Frames are sent in the order of the calls. Nothing
 * may be called after {@link SocketEvents.ended}.
 */
export interface Socket {
  /** Sends one text frame. */
  send(frame: string | Uint8Array): SendOutcome;
  /** Bytes accepted but not yet taken by the network. */
  bufferedBytes(): number;
  /** Runs the callback at once, and sends everything that it sends as one write. */
  cork(write: () => void): void;
  /**
   * From here on the socket gets what is published to the group; it is in one group at most. Absent where there are no
   * groups.
   */
  enterGroup?(group: string): void;
  /** What was published before this call is still sent. */
  leaveGroup?(): void;
  /**
   * Starts the closing handshake; forgets what waits to be sent, as far as the network has not begun with it. The client
   * gets no close frame where that would have to wait for too long. {@link SocketEvents.ended} is called before this
   * returns.
   */
  close(code: number, reason: string): void;
}

/** Sends one text frame to every socket of a group, in order with what each of them is sent by itself. */
export type PublishToGroup = (group: string, frame: Uint8Array) => void;

/** What the WebSocket server calls for one connection, one at a time, in the order in which it happened. */
export interface SocketEvents {
  /** A frame came. The bytes are valid during the call only. */
  receive(data: ArrayBuffer, isBinary: boolean): void;
  /** A ping or a pong came. The server has answered the ping already. */
  receiveControl(): void;
  /** The network has taken all or some of what was buffered. Everything may be called from here, as from elsewhere. */
  drained(): void;
  /** The socket has closed, whoever began it. The last call. @param code of the close frame; 1006 without one */
  ended(code: number): void;
}

/** File descriptors for connections (B7). */
export interface ConnectionSlots {
  /** How many more connections may be accepted; not above 0 when none may be. */
  readonly free: number;
  /** With fewer free ones than this, connections are refused instead of being served. */
  readonly last: number;
  /** A connection was accepted; answered by one {@link giveBack}. */
  take(): void;
  giveBack(): void;
}
