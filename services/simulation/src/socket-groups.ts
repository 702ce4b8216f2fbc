/** The server's side of a socket that may be in a group. */
export interface GroupSocket {
  publishFromServer(frame: Uint8Array): void;
}

/** The groups of a gateway's sockets, as uWebSockets.js has them: a frame is published once, and every socket gets it. */
export class SocketGroups {
  readonly #sockets = new Map<string, Set<GroupSocket>>();

  enter(group: string, socket: GroupSocket): void {
    const sockets = this.#sockets.get(group) ?? new Set();
    this.#sockets.set(group, sockets.add(socket));
  }

  leave(socket: GroupSocket): void {
    for (const sockets of this.#sockets.values()) sockets.delete(socket);
  }

  readonly publish = (group: string, frame: Uint8Array): void => {
    for (const socket of this.#sockets.get(group) ?? []) socket.publishFromServer(frame);
  };
}
