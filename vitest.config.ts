import { defineConfig } from 'vitest/config';

const conditions = ['@tidegate/source', 'module', 'node', 'development|production'];

const base = {
  exclude: ['**/node_modules/**', '**/dist/**'],
  pool: 'forks' as const,
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: { ...base, name: 'beside the code', include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts'], maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        // Whole stacks of processes: one at a time, when nothing else runs.
        extends: true,
        test: { ...base, name: 'across processes', include: ['test/**/*.spec.ts'], maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
