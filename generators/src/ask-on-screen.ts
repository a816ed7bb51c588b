import type { Interface } from 'node:readline'
import type { NodePlopAPI } from 'node-plop'
import { asked } from './asked.js'
import type { Question } from './plopfile.js'

/** The library that plop asks with, as far as it is used here. */
interface Inquirer {
  prompt(questions: Question[]): Promise<object> & { ui: Ui }
}

interface Ui {
  rl: Interface
  activePrompt?: { render(): void }
  close(): void
}

const showCursor = '\x1b[?25h'

/** Asks with lists and line editing, for which the cursor is moved. The terminal is left as it was found. */
export async function askOnScreen(
  plop: NodePlopAPI,
  questions: Question[],
  signal: AbortSignal,
): Promise<object> {
  const answers = (plop as unknown as { inquirer: Inquirer }).inquirer.prompt(questions)
  const { ui } = answers
  // The library's own listener sends a signal to this process, which Windows takes for an order to kill it.
  ui.rl.removeAllListeners('SIGINT').on('SIGINT', () => process.emit('SIGINT'))
  ui.rl.on('SIGTSTP', () => suspend(ui))
  try {
    return await asked(answers, signal)
  } catch (error) {
    close(ui)
    process.stdout.write(`${showCursor}\n`)
    throw error
  }
}

function close(ui: Ui): void {
  try {
    ui.close()
  } catch (error) {
    // Ctrl-D closed readline already, which newer versions of Node do not forgive. It is the last that there is to close.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_USE_AFTER_CLOSE') throw error
  }
}

/**
 * Ctrl-Z. readline would stop this process alone, so that a shell that waits for npx never hears of it, and would end
 * the prompt when it goes on.
 */
function suspend(ui: Ui): void {
  process.stdin.setRawMode(false)
  process.stdout.write(showCursor)
  process.kill(0, 'SIGTSTP')
  // It is stopped by then, and this runs when it goes on; or nothing can stop it, and it goes on at once.
  setTimeout(() => {
    process.stdin.setRawMode(true)
    ui.activePrompt?.render()
  }, 100)
}
