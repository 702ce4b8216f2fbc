// `npm run verify`: builds the checker if there is no build yet, then runs it.
import { runBuilt } from './run-built.mjs';

await runBuilt('verify/main.js');
