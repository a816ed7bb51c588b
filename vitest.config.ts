import { defineConfig } from 'vitest/config'

// What spans packages; each package has its own tests beside it.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/snapshots/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
