import { type MessagePort, workerData } from 'node:worker_threads'
import { faultOf } from './worker-fault.js'

// What runs in a thread of `inWorker`. It imports little, since every thread loads it.

const { file, port } = workerData as { file: string; port: MessagePort }
// Over stdio the process's own output is the protocol's, whatever a library prints here.
process.stdout.write = process.stderr.write.bind(process.stderr)
const { run } = await import(file)
if (typeof run !== 'function') throw new Error(`${file} exports no function run`)

async function answerTo({ input, context }: { input: unknown; context: unknown }) {
  try {
    return { value: await run(input, context) }
  } catch (error) {
    return faultOf(error)
  }
}

// A port of its own, so that what the tool posts to its parent is not taken for an answer.
port.on('message', async (call) => {
  const answer = await answerTo(call)
  try {
    port.postMessage(answer)
  } catch (cause) {
    // Of functions and the like there is no copy.
    port.postMessage(faultOf(new Error(`the answer of ${file} cannot be copied`, { cause })))
  }
})
