import { expect, it } from 'vitest';
import { violationsOf } from './audit-histories.js';
import { contentOf } from './worker/content.js';
import type { MemberReport } from './worker/messages.js';

const member = (number: number, sent: number, received: number): MemberReport => ({
  number,
  sent,
  acknowledged: sent,
  received,
});

/** A history of messages, each given as `member.count`. */
const history = (first: number, ...messages: string[]) =>
  messages.map((message, index) => {
    const [number, count] = message.split('.').map(Number);
    return { seq: first + index, content: contentOf(number ?? 0, count ?? 0, 0) };
  });

const audit = (members: MemberReport[], kept: ReturnType<typeof history>) =>
  violationsOf('s', members, kept, { numbered: true });

it('has nothing to say about a history that is complete, also when its beginning was trimmed', () => {
  const members = [member(1, 2, 4), member(2, 2, 4)];
  expect(audit(members, history(1, '1.1', '2.1', '2.2', '1.2'))).toEqual([]);
  expect(audit(members, history(3, '2.2', '1.2'))).toEqual([]);
});

it.each([
  ['a message that is lost', history(1, '1.1', '2.1', '2.2'), '4 messages were accepted, the newest stored is 3'],
  ['one stored twice', history(1, '1.1', '2.1', '2.1', '2.2'), 'message 1 of member 2, not 0'],
  ['another order of one sender', history(1, '1.1', '2.2', '2.1', '1.2'), 'message 1 of member 2, not 2'],
])('notices %s', (_what, kept, told) => {
  expect(audit([member(1, 2, 4), member(2, 2, 4)], kept).join('\n')).toContain(told);
});

it('notices a member that was not given everything, and what a member has noticed', () => {
  const [told] = audit([member(1, 2, 4), member(2, 2, 3)], history(1, '1.1', '2.1', '2.2', '1.2'));
  expect(told).toBe('s, member 2: received 3 of 4 messages');
  expect(audit([{ ...member(1, 0, 0), problem: 'number 3 came after 1' }], [])).toEqual([
    's, member 1: number 3 came after 1',
  ]);
});

it('asks of a member that was not there all the time no more than that it came in order', () => {
  const kept = [{ seq: 1, content: contentOf(1, 1, 0) }];
  const members = [member(1, 1, 1), { ...member(2, 0, 0), partly: true as const }];
  expect(violationsOf('s', members, kept, { numbered: true })).toEqual([]);
});
