import { jsonProblem } from '@holdfast/protocol';
import { must, type Target, textOf } from '../target.js';

/** JSON that Holdfast keeps for others (C8). */
export const jsonData: Target = {
  name: 'json-data',
  words: [
    ...['{', '}', '[', ']', '":', ',"', '{"a":', '"__proto__":', '"constructor":{"prototype":', '"\\u005f_proto__":'],
    ...['\\"', '\\\\', '\\ud800', '\\u0000', 'true', 'null', '1.0', '1e2', '-0', '0.1', '5e-324', '1e-400', ' '],
  ],
  run(input) {
    const text = textOf(input);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return 'no JSON';
    }
    const problem = jsonProblem(text);
    if (problem !== undefined) {
      must(problem.length < 500, 'a problem that is as long as what it is about');
      return 'refused';
    }
    const written = JSON.stringify(value);
    must(JSON.stringify(JSON.parse(written)) === written, 'what passes does not come back');
    // The reader keeps no key twice, so as many keys come back as were given.
    must(count(written) === count(text), 'a key has got lost');
    return 'kept';
  },
};

/** How many keys a JSON text has. */
function count(json: string): number {
  return (json.replaceAll(/"(?:[^"\\]|\\.)*"/gs, '""').match(/""\s*:/g) ?? []).length;
}
