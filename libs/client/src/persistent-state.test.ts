import { describe, expect, it } from 'vitest';
import { FakeStorage, harness } from '../test/harness.js';

describe('what outlives the page', () => {
  it('D5: a reloaded page sends messages again that had not been accepted, as the same client, in order', () => {
    const storage = new FakeStorage();
    const before = harness({ storage });
    const socket = before.open({ seq: 4, firstSeq: 1 });
    const accepted = before.client.send('accepted');
    const ids = ['sent', 'sent too'].map((content) => before.client.send(content).id);
    socket.message(5, accepted.id);

    const after = harness({ storage, newId: () => 'unused' });
    const next = after.open({ seq: 6, firstSeq: 1 });
    expect(next.query.get('client')).toBe(socket.query.get('client'));
    expect(next.sends).toEqual([
      { type: 'send', id: ids[0], content: 'sent', retry: true, after: { epoch: 'E1', seq: 4, id: '' } },
      { type: 'send', id: ids[1], content: 'sent too', retry: true, after: { epoch: 'E1', seq: 4, id: '' } },
    ]);
    for (const [i, id] of ids.entries()) next.message(7 + i, id);
    expect([...storage.items.keys()].filter((key) => key.includes(':out:'))).toEqual([]);
  });

  it('keeps messages that were given offline', () => {
    const storage = new FakeStorage();
    const { id } = harness({ storage }).client.send('offline');
    expect(harness({ storage }).open().sends).toEqual([{ type: 'send', id, content: 'offline', retry: true }]);
  });

  it('keeps the messages of another session for that one', () => {
    const storage = new FakeStorage();
    harness({ storage, sessionId: 'other' }).client.send('for the other');
    expect(harness({ storage }).client.outbox).toEqual([]);
  });

  it('knows its own messages in the history after a reload', () => {
    const storage = new FakeStorage();
    const before = harness({ storage });
    const { id } = before.client.send('mine');
    before.open({ sender: 'name of mine' }).message(1, id, { sender: 'name of mine' });

    const after = harness({ storage, history: true });
    const socket = after.open({ seq: 2, firstSeq: 1, recovered: true, sender: 'name of mine' });
    socket.message(1, id, { sender: 'name of mine' });
    socket.message(2, 'm2', { sender: 'another' });
    expect(after.seen('message').map(({ isSent }) => isSent)).toEqual([true, false]);
  });

  it('K6: resumes from the kept position with keepPosition', () => {
    const storage = new FakeStorage();
    harness({ storage, keepPosition: true }).open({ seq: 4, firstSeq: 1 }).message(5, 'm5');
    const { client, socket } = harness({ storage, keepPosition: true });
    client.connect();
    expect(Object.fromEntries(socket().query)).toMatchObject({ last_seq: '5', last_id: 'm5', epoch: 'E1' });
  });

  it('V7: keeps nothing of a deleted session', () => {
    const storage = new FakeStorage();
    const { client, open } = harness({ storage, keepPosition: true });
    const socket = open();
    socket.message(1, 'm1');
    client.send('one');
    socket.end(4404);
    expect([...storage.items.keys()]).toEqual(['holdfast:client']);
  });

  it('goes on without a storage that fails, and says so', () => {
    class Full extends FakeStorage {
      override setItem(): void {
        throw new Error('quota exceeded');
      }
    }
    const { client, open, seen } = harness({ storage: new Full() });
    client.send('one');
    expect(seen('storageError')).toEqual([new Error('quota exceeded')]);
    expect(open().sends).toHaveLength(1);
  });

  it('ignores entries that it cannot read', () => {
    const storage = new FakeStorage();
    storage.setItem('holdfast:room:out:a', '{"id":');
    storage.setItem('holdfast:room:out:b', '{"id":"b"}');
    storage.setItem('holdfast:room:position', '{"seq":-1}');
    const { client } = harness({ storage, keepPosition: true });
    expect([client.outbox, client.position]).toEqual([[], undefined]);
  });
});
