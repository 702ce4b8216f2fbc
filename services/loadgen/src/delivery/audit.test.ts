import { describe, expect, it } from 'vitest';
import { auditSession } from './audit.js';
import type { StoredMessage } from './history-reader.js';
import { Journal } from './journal.js';
import { Track } from './track.js';
import { type ViolationKind, Violations } from './violations.js';

/** A session of three accepted messages. Each test breaks something in it. */
class Scene {
  readonly journal = new Journal('s', 24);
  readonly violations = new Violations();
  history: StoredMessage[] = [];
  hadReset = false;

  constructor() {
    for (const [index, id] of ['a', 'b', 'c'].entries()) {
      this.journal.add(id, 0);
      this.journal.accept(id, index + 1, 10);
      this.history.push(this.stored(index + 1, id));
    }
  }

  stored(seq: number, id: string): StoredMessage {
    return { seq, id, content: this.journal.contentOf(id) };
  }

  /** @returns the kinds of violations when the members have these tracks */
  audit(...tracks: Track[]): ViolationKind[] {
    const { journal, history, hadReset } = this;
    const members = tracks.map((track, number) => ({ number, track }));
    auditSession({ journal, history, members, hadReset }, this.violations);
    return this.violations.kept.map(({ kind }) => kind);
  }
}

/**
 * The track of a member that was shown messages, given by their indexes, with the numbers that follow `joinedAfter`.
 */
function saw(indexes: number[], joinedAfter = 0): Track {
  const track = new Track();
  track.joinedAfter = joinedAfter;
  for (const [place, index] of indexes.entries()) track.message(index, joinedAfter + place + 1);
  return track;
}

it('finds nothing wrong where everything is right', () => {
  expect(new Scene().audit(saw([0, 1, 2]), saw([1, 2], 1), saw([], 3))).toEqual([]);
});

it('what a reloaded page was shown before it had a number is shown again; nothing else is', () => {
  const [reloaded, same] = [saw([0]), saw([0])];
  for (const track of [reloaded, same]) track.message(1, 0);
  reloaded.reload();
  for (const track of [reloaded, same]) track.message(1, 2);
  for (const track of [reloaded, same]) track.message(2, 3);
  expect(new Scene().audit(reloaded)).toEqual([]);
  expect(new Scene().audit(same)).toEqual(['shown_twice']);
});

it('V7: what a page was shown before it was loaded anew is shown again after a reset, and only then', () => {
  const audit = (see: (track: Track) => void): ViolationKind[] => {
    const scene = new Scene();
    scene.hadReset = true;
    const track = saw([0, 1]);
    see(track);
    track.message(0, 1);
    track.message(1, 2);
    track.message(2, 3);
    return scene.audit(track);
  };
  const reload = (track: Track): void => track.reload();
  const reset = (track: Track): void => track.reset(1);
  const both = (track: Track): void => {
    reload(track);
    reset(track);
  };
  expect(audit(both)).toEqual([]);
  expect(audit(reset)).toEqual(['shown_twice', 'shown_twice']);
  expect(audit(reload)).toContain('shown_twice');
});

it('D3: a new page may be shown as pending what its predecessor was shown, and is owed the number', () => {
  const audit = (see: (track: Track) => void): ViolationKind[] => {
    const track = saw([0, 1, 2]);
    track.reload();
    track.message(2, 0);
    see(track);
    const scene = new Scene();
    scene.hadReset = true;
    return scene.audit(track);
  };
  const number = (track: Track): void => {
    track.reset(3);
    track.update(2, 3);
  };
  expect(audit(number)).toEqual([]);
  expect(audit(() => undefined)).toEqual(['wrong_number']);
});

describe('senders', () => {
  it('an accepted message must be in the history', () => {
    const scene = new Scene();
    scene.history.pop();
    expect(scene.audit()).toEqual(['lost']);
    expect(scene.violations.kept[0]?.detail).toBe('c, accepted as number 3');
  });

  it('... once', () => {
    const scene = new Scene();
    scene.history.push(scene.stored(4, 'a'));
    expect(scene.audit()).toEqual(['stored_twice']);
  });

  it('... under the number it was accepted with, unless members were told of a reset', () => {
    const scene = new Scene();
    scene.history = [scene.stored(1, 'a'), scene.stored(2, 'c'), scene.stored(3, 'b')];
    expect(scene.audit()).toEqual(['renumbered', 'renumbered']);
    const reset = new Scene();
    reset.history = scene.history;
    reset.hadReset = true;
    expect(reset.audit()).toEqual([]);
  });

  it('... as it was sent', () => {
    const scene = new Scene();
    scene.history[1] = { seq: 2, id: 'b', content: 'b' };
    expect(scene.audit()).toEqual(['altered']);
  });

  it('what is neither accepted nor refused is said, and what was refused must not be stored', () => {
    const scene = new Scene();
    scene.journal.add('open', 0);
    scene.journal.add('refused', 0);
    scene.journal.add('refused but stored', 0);
    scene.journal.refuse('refused', 'not_stored: no');
    scene.journal.refuse('refused but stored', 'not_stored: no');
    scene.history.push(scene.stored(4, 'refused but stored'));
    expect(scene.audit()).toEqual(['never_accepted', 'refused_but_stored']);
  });

  it('nothing else is in the history, and no number is missing', () => {
    const scene = new Scene();
    scene.history.push({ seq: 5, id: 'x', content: 'x' });
    expect(scene.audit()).toEqual(['history_gap', 'foreign']);
  });
});

describe('members', () => {
  it('must see everything that was stored after they joined', () => {
    expect(new Scene().audit(saw([0, 1]))).toEqual(['missed']);
    expect(new Scene().audit(saw([2], 1))).toEqual(['wrong_number', 'missed']);
  });

  it('... each message once', () => {
    expect(new Scene().audit(saw([0, 1, 2, 1]))).toEqual(['shown_twice', 'wrong_number']);
  });

  it('... in the order of the history', () => {
    const track = saw([0]);
    track.message(2, 3);
    track.message(1, 2);
    expect(new Scene().audit(track)).toEqual(['out_of_order', 'out_of_order']);
  });

  it('... and nothing that is not stored', () => {
    const scene = new Scene();
    scene.journal.add('d', 0);
    scene.journal.refuse('d', 'not_stored');
    expect(scene.audit(saw([0, 1, 2, 3]))).toEqual(['shown_not_stored']);
  });

  it('V3: may be shown a message that is pending first, and then its number', () => {
    const track = saw([0]);
    track.message(2, 0);
    track.message(1, 2);
    track.update(2, 3);
    expect(new Scene().audit(track)).toEqual([]);
    const forgotten = saw([0, 1]);
    forgotten.message(2, 0);
    expect(new Scene().audit(forgotten)).toEqual(['wrong_number']);
  });

  it('V7: may be told that a message will not come, but not of one that is kept', () => {
    const track = saw([0]);
    track.gap(2, 2);
    track.message(2, 3);
    expect(new Scene().audit(track)).toEqual(['skipped']);
  });

  it('V7: see the history again from where a reset says, with new numbers', () => {
    const scene = new Scene();
    scene.hadReset = true;
    scene.history = [scene.stored(1, 'a'), scene.stored(2, 'c'), scene.stored(3, 'b')];
    const track = saw([0, 1, 2]);
    track.reset(2);
    track.update(2, 2);
    track.update(1, 3);
    expect(scene.audit(track)).toEqual([]);
  });

  it('must get in at all', () => {
    expect(new Scene().audit(new Track())).toEqual(['never_connected']);
  });
});

it('keeps a few examples of each kind, and counts all', () => {
  const violations = new Violations();
  for (let i = 0; i < 100; i++) violations.add({ kind: 'lost', sessionId: 's', detail: `${i}` });
  violations.add({ kind: 'missed', sessionId: 's', detail: '' });
  expect(violations.total).toBe(101);
  expect(violations.counts()).toEqual({ lost: 100, missed: 1 });
  expect(violations.kept).toHaveLength(21);
});
