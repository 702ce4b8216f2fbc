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
          // Nothing here is left behind for the next file: loading everything anew for each takes most of the time.
          isolate: false,
          maxWorkers: 2,
          testTimeout: 60_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'simulation',
          // It takes every core there is: beside it nothing could measure time.
          include: [SIMULATION],
        },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          include: ['{libs,services}/*/test/**/*.test.ts', '{test,deploy,k8s}/**/*.test.ts'],
          exclude: [...exclude, SIMULATION],
          // Real processes measure time: two of them side by side are what two cores bear.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
