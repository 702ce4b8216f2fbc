import { defineConfig } from 'vitest/config';

/** Packages of the workspace are taken from their sources, so that tests need no build. */
const conditions = ['@holdfast/source', 'module', 'node', 'development|production'];
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** Where packages and the repository's own tests live; a fixture is not a test. */
const exclude = ['**/node_modules/**', '**/dist/**', '**/fixtures/**', '.holdfast/**'];

const SIMULATION = 'services/simulation/test/**/*.test.ts';

export default defineConfig({
  test: {
    // Processes that a test started may need some seconds to end.
    teardownTimeout: 30_000,
    reporters: process.env['CI'] ? ['dot'] : ['default'],
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['{libs,services}/*/src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts', 'grafana/**/*.test.ts'],
          exclude,
          // Unit tests leave nothing behind, so files share a process: loading every module again for each file would
          // take most of the time.
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
          // A file waits more than half of its time (0.4 cores on average): three at once leave two cores some air, so
          // that tests which measure time are not disturbed.
          maxWorkers: 3,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
