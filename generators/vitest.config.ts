import { defineConfig } from 'vitest/config'

// The tests start processes and wait for them: two files at a time whatever the machine has.
export default defineConfig({ test: { maxWorkers: 2, testTimeout: 30_000, hookTimeout: 30_000 } })
