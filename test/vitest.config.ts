import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What measures times or counts what a restart loses; beside another file it would count what that one costs.
const alone = [
  'rolling-restart',
  'sigterms',
  'faults-*',
  'monitoring-live',
  'limits-shared',
  'fuzz',
  'load',
  'image',
  'compose',
  'stranger',
  'kit-alone',
].map((name) => `${name}.test.ts`)
// What installs the same server with each package manager: a quarter of an hour, for a job of its own.
const managers = 'package-managers.test.ts'
const common = {
  root: fileURLToPath(new URL('.', import.meta.url)),
  testTimeout: 300_000,
  hookTimeout: 300_000,
}

// What spans packages; each package has its own tests beside it.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'together',
          include: ['*.test.ts'],
          exclude: [...alone, managers],
          // Mostly they wait: for npm, for processes that start, for time.
          maxWorkers: 2,
          testTimeout: 600_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: alone,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { ...common, name: 'managers', include: [managers], sequence: { groupOrder: 2 } },
      },
    ],
  },
})
