/** Splits what is in the order of its numbers wherever one is missing: a log may have holes (W3). No run is empty. */
export function runsOf<T extends { readonly seq: number }>(entries: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run && run.at(-1)?.seq === entry.seq - 1) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}
