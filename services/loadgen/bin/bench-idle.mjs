// `npm run bench:idle`: builds the benchmark when that was not done yet, then runs it.
import { runBuilt } from './run-built.mjs';

await runBuilt('idle/main.js');
