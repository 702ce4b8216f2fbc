import { expect, it } from 'vitest';
import { fill, renderer } from './adapter.js';

it('fills the places it knows and leaves what only looks like one', () => {
  expect(fill('/chat/{session}?as={member}&x={other}', { session: 's1', member: 7 })).toBe('/chat/s1?as=7&x={other}');
});

it('renders messages of every form', () => {
  const values = { session: 's1', member: 7 };
  expect(renderer('{content}', values)('m1', 'hi')).toBe('hi');
  expect(renderer('{"id":"{id}","to":"{session}","content":"{content}"}', values)('m1', 'hi')).toBe(
    '{"id":"m1","to":"s1","content":"hi"}',
  );
});
