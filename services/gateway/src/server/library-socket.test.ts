import { beforeEach, describe, expect, it } from 'vitest';
import { LibrarySocket, type LibraryWebSocket, SocketGroups } from './library-socket.js';

const LIMIT = 1_000_000;

/** A socket of the library: its network takes everything until {@link stall}. */
class FakeLibrary implements LibraryWebSocket {
  readonly sent: string[] = [];
  readonly groups = new Set<string>();
  closedWith: number | 'cut' | undefined;
  buffered = 0;
  #stalled = false;
  #inCallback = false;
  socket: LibrarySocket | undefined;

  send(frame: string | Uint8Array): number {
    if (this.#inCallback) throw new Error('a frame was sent within the drain callback');
    this.sent.push(Buffer.from(frame).toString());
    if (!this.#stalled) return 1;
    this.buffered += frame.length;
    return 0;
  }

  getBufferedAmount(): number {
    return this.buffered;
  }

  cork(write: () => void): void {
    write();
  }

  subscribe(group: string): boolean {
    this.groups.add(group);
    return true;
  }

  unsubscribe(group: string): boolean {
    return this.groups.delete(group);
  }

  end(code: number): void {
    this.closedWith = code;
    this.socket?.ended(code);
  }

  close(): void {
    this.closedWith = 'cut';
    this.socket?.ended(1006);
  }

  stall(): void {
    this.#stalled = true;
  }

  /** The network takes what is buffered; with `stalled` nothing more. */
  async drain({ stalled = false } = {}): Promise<void> {
    this.buffered = 0;
    this.#stalled = stalled;
    this.#inCallback = true;
    this.socket?.drained();
    // Whatever the callback has made ready runs before the library goes on.
    await Promise.resolve();
    this.#inCallback = false;
    await new Promise(setImmediate);
  }
}

let groups: SocketGroups;
let libraries: FakeLibrary[];
let ended: number[];
beforeEach(() => {
  libraries = [];
  ended = [];
  groups = new SocketGroups((group, frame) => {
    for (const library of libraries) if (library.groups.has(group)) library.send(frame);
  });
});

function open(onDrained: () => void = () => undefined): { library: FakeLibrary; socket: LibrarySocket } {
  const library = new FakeLibrary();
  const socket = new LibrarySocket(library, { maxBackpressureBytes: LIMIT, groups });
  library.socket = socket;
  libraries.push(library);
  socket.opened({
    receive: () => undefined,
    receiveControl: () => undefined,
    drained: onDrained,
    ended: (code) => ended.push(code),
  });
  return { library, socket };
}

const publish = (text: string): void => groups.publish('g', Buffer.from(text));

describe('a socket of the library', () => {
  it('F6: gives the library what the network takes, and keeps the rest in order', async () => {
    const { library, socket } = open();
    library.stall();
    expect(['a', 'b', 'c'].map((frame) => socket.send(frame))).toEqual(['buffered', 'buffered', 'buffered']);
    expect(library.sent).toEqual(['a']);
    await library.drain({ stalled: true });
    expect(library.sent).toEqual(['a', 'b']);
    await library.drain();
    expect(library.sent).toEqual(['a', 'b', 'c']);
    expect([socket.bufferedBytes(), socket.send('d')]).toEqual([0, 'sent']);
  });

  it('F6: takes no frame while more than the limit waits', async () => {
    const { library, socket } = open();
    library.stall();
    socket.send('x'.repeat(LIMIT));
    expect(socket.send('y')).toBe('buffered');
    expect(socket.send('z')).toBe('dropped');
    await library.drain();
    expect(library.sent).toEqual(['x'.repeat(LIMIT), 'y']);
  });

  it('R1: never writes within the drain callback, also when its reader goes on there', async () => {
    const { library, socket } = open(() => socket.send('next'));
    library.stall();
    socket.send('first');
    await library.drain();
    expect(library.sent).toEqual(['first', 'next']);
  });

  it('F6: counts what the library has written by itself', () => {
    const { library, socket } = open();
    library.buffered = 70;
    expect(socket.bufferedBytes()).toBe(70);
    expect([socket.send('a'), library.sent]).toEqual(['buffered', []]);
  });

  it('F6: keeps the order of what is published to its group and of what it is sent, while it is behind', async () => {
    const { library, socket } = open();
    socket.enterGroup('g');
    publish('1');
    library.stall();
    socket.send('2');
    publish('3');
    socket.send('4');
    publish('5');
    expect(library.sent).toEqual(['1', '2']);
    await library.drain({ stalled: true });
    publish('6');
    await library.drain();
    publish('7');
    expect(library.sent).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    expect(library.groups).toEqual(new Set(['g']));
    library.stall();
    socket.send('8');
    socket.leaveGroup();
    publish('9');
    await library.drain();
    publish('10');
    expect(library.sent.slice(7)).toEqual(['8']);
  });

  it('F6: enters a group while it is behind, after what waits', async () => {
    const { library, socket } = open();
    library.stall();
    socket.send('1');
    socket.send('2');
    socket.enterGroup('g');
    publish('3');
    await library.drain();
    publish('4');
    expect(library.sent).toEqual(['1', '2', '3', '4']);
  });

  it('F6: a close forgets what waits, and says why; where the library holds much, it cuts the connection', async () => {
    const [few, many] = [open(), open()];
    for (const { library } of [few, many]) library.stall();
    few.socket.enterGroup('g');
    few.socket.send('x'.repeat(131_072));
    few.socket.send('waits');
    many.socket.send('x'.repeat(131_073));
    few.socket.close(4408, 'too slow');
    many.socket.close(4408, 'too slow');
    expect([few.library.closedWith, many.library.closedWith]).toEqual([4408, 'cut']);
    expect(ended).toEqual([4408, 4408]);
    publish('later');
    await few.library.drain();
    expect(few.library.sent).toHaveLength(1);
  });
});
