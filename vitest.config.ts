import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Imports the workspace's packages from their sources, so that tests need no build. */
const conditions = ['@holdfast/source', 'module', 'node', 'development|production'];
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** Folders without tests: fixtures are no tests, even when their names end like one. */
const exclude = ['**/node_modules/**', '**/dist/**', '**/fixtures/**', '.holdfast/**'];

const SIMULATION = 'services/simulation/test/**/*.test.ts';

/** Set by `npm run test:long`. */
const isLong = process.env['HOLDFAST_LONG'] === '1';

/** Integration tests that take longest, mostly by waiting. */
const SLOW =
  /(?:sweeper\/test\/(?:processes|sweeper)|gateway\/test\/stopping|loadgen\/test\/bench|test\/(?:redis-modes|start|packages|browser|browser-keeping)|chaos\/(?:redis-outage|gateway-outage|rolling-drain))\.test\.ts$/;

/** Begins with the slow files: one that began last would be waited for alone. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [slow, others] = [true, false].map((isSlow) => files.filter((file) => SLOW.test(file.moduleId) === isSlow));
    return [...(await super.sort(slow ?? [])), ...(await super.sort(others ?? []))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    // Processes that a test has started may need some seconds to end.
    teardownTimeout: 30_000,
    reporters: process.env['CI'] ? ['dot'] : ['default'],
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['{libs,services}/*/src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts', 'grafana/**/*.test.ts'],
          exclude,
          // Tests leave nothing behind, so files share a process: loading every module again for each file would take
          // most of the time.
          isolate: false,
          maxWorkers: 2,
          testTimeout: 60_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'simulation',
          // It occupies every core: `npm test` runs it at the lowest priority.
          include: [SIMULATION],
          maxWorkers: 1,
          testTimeout: 120_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          include: ['{libs,services}/*/test/**/*.test.ts', '{test,deploy,k8s,examples}/**/*.test.ts'],
          exclude: [...exclude, SIMULATION],
          // `stopAll` ends what a file has started.
          isolate: false,
          // A file takes 0.4 cores on average and waits for the rest of its time. Three at once leave some of two cores
          // free, so that tests which measure time are not disturbed. The long tests measure more.
          maxWorkers: isLong ? 2 : 3,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
