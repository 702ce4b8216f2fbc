import type { FakeClient } from './fake-client.js';

/** Ids of the messages a member was shown as pending (V3), in that order. */
export function pending(member: FakeClient): unknown[] {
  return member.ofType('message').flatMap((frame) => (frame['pending'] === true ? [frame['id']] : []));
}

/** Number and id of the messages a member was given as stored (V2), in that order. */
export function stored(member: FakeClient): unknown[] {
  return member.ofType('message').flatMap((frame) => (frame['seq'] === undefined ? [] : [[frame['seq'], frame['id']]]));
}

/** The places where a member was told that its session is stored, `memory` or `redis` (V6), in that order. */
export function statuses(member: FakeClient): unknown[] {
  return member.ofType('status').map((frame) => frame['storage']);
}
