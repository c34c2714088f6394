import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    reporters: [process.env.CI ? 'default' : 'tree', './test/support/reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        // The vectors in the real njs engines.
        test: { name: 'njs', include: ['test/njs/**/*.test.ts'], globalSetup: 'test/support/setup_engines.ts', testTimeout: 120_000, hookTimeout: 120_000 },
      },
      {
        // Real Nginx and memcached, after the quick ones. Two files at a time: each has several servers, and CI has two cores.
        test: {
          name: 'integration', include: ['test/integration/**/*.test.ts'], globalSetup: 'test/support/setup_stack.ts', setupFiles: 'test/support/setup_worker.ts',
          testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 2, sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
