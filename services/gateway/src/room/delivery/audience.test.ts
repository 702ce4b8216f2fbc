import type { LiveMessage } from '@holdfast/session-store';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Member } from '../../ports/member.js';
import { Audience, type DeliveryContext } from './audience.js';
import type { DeliveredHistory } from './delivered-history.js';

const BACKLOG_MAX = 6_400;
const SENDER = memberOf('sender', { grouped: false });

let audience: Audience;
/** What was sent, in order: to the group, or to a member alone. */
let sent: [to: string, text: string][];
let checked: string[];
let counters: { delivered: number };

beforeEach(() => {
  sent = [];
  checked = [];
  counters = { delivered: 0 };
  const context = {
    maxBackpressureBytes: BACKLOG_MAX,
    metrics: { counters },
    publishToGroup: (group: string, frame: Uint8Array) =>
      void sent.push([`group ${group}`, Buffer.from(frame).toString()]),
  };
  const delivered: Pick<DeliveredHistory, 'sessionId'> = { sessionId: 's' };
  audience = new Audience(delivered as DeliveredHistory, context as unknown as DeliveryContext, async () => undefined);
});

/** @param grouped whether its socket can be sent what is published */
function memberOf(name: string, { grouped = true } = {}): Member {
  const member: Partial<Member> = {
    protocol: 'framed',
    group: (group) => grouped && group !== undefined,
    write: (frames) => {
      for (const frame of frames) sent.push([name, Buffer.from(frame as Uint8Array).toString()]);
    },
    showPending: () => true,
    checkBacklog: () => void checked.push(name),
  };
  return member as Member;
}

function join(name: string, options?: { grouped: boolean }): Member {
  const member = memberOf(name, options);
  audience.attach(member);
  return member;
}

const message = (text: string): LiveMessage => ({ seq: 1, id: 'm1', senderKey: 'k', frame: Buffer.from(text) });

/** Shows a message that is not stored yet. @returns to whom it went */
function pending(retry = false): string[] {
  const kept = {
    id: 'm2',
    senderKey: 'k',
    head: '"content":"x","sender":"x","timestamp":',
    ...(retry && { retry: 'anywhere' as const }),
  };
  audience.showPending(SENDER, kept, 2, 1);
  for (const [, text] of sent) expect(JSON.parse(text)).toMatchObject({ type: 'message', id: 'm2', pending: true });
  return sent.map(([to]) => to);
}

describe('the members of a room', () => {
  it('V2: get a message as one of the group, or alone, and only once', () => {
    join('ann');
    join('bob');
    join('cid', { grouped: false });
    audience.deliver([message('one'), message('two')]);
    expect(sent).toEqual([
      ['group s', 'one'],
      ['group s', 'two'],
      ['cid', 'one'],
      ['cid', 'two'],
    ]);
    expect([counters.delivered, audience.listeners]).toEqual([6, 3]);
  });

  it('V3: get what is pending in the same way, also those that are not placed yet', () => {
    join('ann');
    join('cid', { grouped: false });
    audience.attachLate(memberOf('dan'));
    expect(pending()).toEqual(['group s', 'cid', 'dan']);
  });

  it('V3, D3: get what was sent again and is pending one by one, but for those that are not placed yet', () => {
    join('ann');
    join('cid', { grouped: false });
    audience.attachLate(memberOf('dan'));
    expect(pending(true)).toEqual(['ann', 'cid']);
  });

  it('V3, D3: of those not placed yet, the sender sees what it has sent again', () => {
    join('ann');
    audience.attachLate(SENDER);
    expect(pending(true)).toEqual(['ann', 'sender']);
  });

  it('F6: get what is large one by one, so that each backlog is watched', () => {
    join('ann');
    join('bob');
    const large = 'x'.repeat(BACKLOG_MAX / 32 + 1);
    audience.deliver([message(large)]);
    expect(sent.map(([to]) => to)).toEqual(['ann', 'bob']);
  });

  it('F6: have their backlogs looked at before what was published could have filled them', () => {
    join('ann');
    join('cid', { grouped: false });
    const text = 'x'.repeat(BACKLOG_MAX / 32);
    for (let bytes = 0; bytes < BACKLOG_MAX; bytes += text.length) audience.deliver([message(text)]);
    // Each check lets little pile up in the library's own buffer, which a close has to wait for.
    expect(checked).toEqual(Array.from({ length: 16 }, () => 'ann'));
  });

  it('are no part of the group any more once they have left', () => {
    const ann = join('ann');
    const cid = join('cid', { grouped: false });
    audience.detach(ann);
    audience.deliver([message('one')]);
    audience.detach(cid);
    // A second time it is not there.
    audience.detach(cid);
    audience.deliver([message('two')]);
    expect(sent).toEqual([['cid', 'one']]);
    expect([audience.isEmpty, audience.listeners, audience.has(ann)]).toEqual([true, 0, false]);
  });
});
