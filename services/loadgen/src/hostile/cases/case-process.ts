import { carryOut } from '../worker-process.js';
import { CASES, type CaseName } from './cases.js';
import type { CaseLoad, CaseOutcome, CaseTarget } from './heavy-case.js';

let load: CaseLoad | undefined;

/** What the process of a case's load does for `runCase`. */
export const caseTasks = {
  prepare: async ({ name, target }: { readonly name: CaseName; readonly target: CaseTarget }): Promise<void> => {
    load = await CASES[name].prepare(target);
  },
  load: async ({ seconds }: { readonly seconds: number }): Promise<CaseOutcome> => {
    if (!load) throw new Error('the case was not prepared');
    return load(performance.now() + seconds * 1_000);
  },
};

carryOut(caseTasks);
