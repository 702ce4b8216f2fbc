// `npm run verify`: builds the checker when that was not done yet, then runs it.
import { runBuilt } from './run-built.mjs';

await runBuilt('verify/main.js');
