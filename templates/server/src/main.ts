import { containerLimits } from '@mcp-prod/config'
import { boundHeap, planWorkers } from '@mcp-prod/workers'
import { machine } from './machine.js'

// Before anything large is loaded: in a small container it starts the program anew, with a heap that fits.
boundHeap(containerLimits().memoryBytes, planWorkers(1, machine()).flags)
await import('./start.js')
