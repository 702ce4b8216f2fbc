import { plainMessage } from '@holdfast/protocol';
import { encodeStored, storedFrame } from '@holdfast/session-store';
import { beforeEach, describe, expect, it } from 'vitest';
import { History } from './history.js';
import { PlainWireAudit } from './plain-wire-audit.js';

const STORED_MS = 1_000;

let failed: string[];
let history: History;
let wire: PlainWireAudit;

beforeEach(() => {
  failed = [];
  history = new History(
    's',
    { entries: 10, bytes: 1e9 },
    () => 0,
    (rule) => void failed.push(rule),
  );
  wire = new PlainWireAudit({
    name: 'p',
    request: { sessionId: 's', redisPersistence: true, presence: false },
    history,
    fail: (rule) => void failed.push(rule),
    now: () => 0,
    // The gateway has got everything, though it may not have delivered it.
    heard: () => history.newest,
    tailsAreSmall: false,
  });
});

function store(...contents: string[]): void {
  const { newest } = history;
  const messages = contents.map((content, index) => {
    const frame = storedFrame(newest + 1 + index, content, `"content":"${content}","timestamp":${STORED_MS}}`);
    return { senderKey: 'someone', frame };
  });
  history.published(encodeStored({ epoch: 'e', seq: newest, id: history.at(newest)?.id ?? '' }, messages));
}

const show = (count: number, content: string, ms: number): void =>
  wire.sent(JSON.stringify(plainMessage('s', count, content, ms)));

describe('the audit of a plain connection', () => {
  beforeEach(() => {
    store('c1');
    show(1, 'c1', STORED_MS);
    store('c2', 'c3');
  });

  it('P2: notices a message that comes before an earlier one', () => {
    show(3, 'c3', STORED_MS);
    expect(failed).toEqual(['P2']);
  });

  it('D1, P2: takes no message for a gap that is shown as pending under the number it was stored under elsewhere', () => {
    show(2, 'mine', STORED_MS + 500);
    show(3, 'c3', STORED_MS + 500);
    expect(failed).toEqual([]);
    show(2, 'c2', STORED_MS);
    expect([failed, wire.seq]).toEqual([[], 3]);
  });
});
