import { defineConfig } from 'vitest/config'

// The AWS SDK's notice about Node 20, silenced in the product by its configuration.
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }

/**
 * `unit`: pure and contract tests, on the sources. `pipeline`: whole runs of the compiled product, with injected faults.
 * `interop`: the same against programs that others wrote; fetches them, so it is not part of `npm test`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          env,
          sequence: { groupOrder: 0 },
          include: ['test/**/*.test.ts'],
          maxWorkers: 2,
          exclude: ['test/pipeline/**', 'test/interop/**', 'test/browser/**'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'pipeline',
          env,
          sequence: { groupOrder: 1 },
          include: ['test/pipeline/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'interop',
          env,
          sequence: { groupOrder: 2 },
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
        },
      },
    ],
  },
})
