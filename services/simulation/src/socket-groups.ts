import type { Link } from './link.js';

/** The groups of a gateway's sockets, as uWebSockets.js has them: a frame is published once, and every socket gets it. */
export class SocketGroups {
  readonly #links = new Map<string, Set<Link>>();

  enter(group: string, link: Link): void {
    const links = this.#links.get(group) ?? new Set();
    this.#links.set(group, links.add(link));
  }

  leave(group: string, link: Link): void {
    this.#links.get(group)?.delete(link);
  }

  /** Its socket has closed. */
  forget(link: Link): void {
    for (const links of this.#links.values()) links.delete(link);
  }

  readonly publish = (group: string, frame: Uint8Array): void => {
    for (const link of this.#links.get(group) ?? []) link.publishFromServer(frame);
  };
}
