import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    silent: 'passed-only',
    // The tests bring their own configuration; a developer's .env must not leak into them.
    env: { NODE_ENV: 'test' },
  },
})
