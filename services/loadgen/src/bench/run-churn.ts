import type { FiguresRun } from './figures.js';
export async function runChurn(..._: unknown[]): Promise<FiguresRun> {
  return { figures: [] };
}
