import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What spans packages; each package has its own tests beside it.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
