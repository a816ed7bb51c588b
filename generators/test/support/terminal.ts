import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect } from 'vitest'
import { environment, temporaryDirectory } from './fixture.js'

const hasTmux = spawnSync('tmux', ['-V']).status === 0
const isRequired = process.env.REQUIRE_COMPONENTS === '1'
/** The tmux servers of the test that runs. */
const opened: string[] = []
let count = 0

/** Tests in a real terminal; without tmux they are skipped, and say so. */
export function describeTerminal(name: string, tests: () => void): void {
  const isSkipped = !hasTmux && !isRequired
  const title = isSkipped ? `${name} (skipped: tmux is not installed)` : name
  describe.skipIf(isSkipped)(title, { timeout: 180_000 }, () => {
    afterEach(() => {
      for (const server of opened.splice(0)) spawnSync('tmux', ['-L', server, 'kill-server'])
    })
    tests()
  })
}

export interface TerminalOptions {
  columns?: number
  rows?: number
  /** Added to the environment. */
  env?: NodeJS.ProcessEnv
}

/** A window with bash in it, in an empty directory. */
export function openTerminal({ columns = 120, rows = 50, env = {} }: TerminalOptions = {}) {
  // A server of its own: one that has just lost its last window does not take another.
  const server = `generators-test-${process.pid}-${++count}`
  opened.push(server)
  const options = { encoding: 'utf8', env: environment() } as const
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-L', server, '-f', '/dev/null', ...args], options)
  const place = temporaryDirectory()
  const size = ['-x', `${columns}`, '-y', `${rows}`]
  const added = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
  const shell = `PS1='$ ' exec bash --norc --noprofile`
  tmux('new-session', '-d', ...added, ...size, '-c', place, shell)
  const bytes = join(temporaryDirectory(), 'bytes')
  tmux('pipe-pane', `cat > '${bytes}'`)
  const screen = () => tmux('capture-pane', '-p', '-S', '-500').trimEnd()
  return {
    /** Where bash stands. */
    place,
    screen,
    /** Keys by tmux's names: `Enter`, `C-c`, `Up`; anything else is typed. */
    press: (...keys: string[]) => tmux('send-keys', ...keys),
    /** Text as the clipboard gives it, all at once. */
    paste(text: string) {
      tmux('set-buffer', text)
      tmux('paste-buffer')
    },
    /** Waits for a text on the screen. @returns the screen. */
    async see(text: string | RegExp, timeout = 60_000): Promise<string> {
      await expect.poll(screen, { timeout, interval: 50 }).toMatch(text)
      return screen()
    },
    /** Runs a command line in bash; `exit code` and the code follow it. */
    run(line: string) {
      tmux('send-keys', '-l', `clear; echo be''gin; ${line}; echo exit code $?`)
      tmux('send-keys', 'Enter')
    },
    resize: (to: number) => tmux('resize-window', '-x', `${to}`),
    /** Everything the terminal was sent by the last command, with its escape sequences. */
    bytes: () => readFileSync(bytes, 'utf8').split('begin\r\n').at(-1)?.split('exit code')[0] ?? '',
    /** What tmux knows of the window, such as `cursor_flag`. */
    ask: (format: string) => tmux('display-message', '-p', `#{${format}}`).trim(),
    close: () => tmux('kill-session'),
  }
}

export type Terminal = ReturnType<typeof openTerminal>

/** The command, for a line of bash. */
export function commandLine(bin: string, args = ''): string {
  return `'${process.execPath}' '${bin}' ${args}`
}

/** That the terminal shows what is typed, and a cursor, as before. */
export async function expectRestored(terminal: Terminal): Promise<void> {
  expect(terminal.ask('cursor_flag')).toBe('1')
  terminal.press('stty -a', 'Enter')
  const settings = await terminal.see(/\s-?echoke\b/)
  for (const setting of ['echo', 'icanon', 'isig', 'icrnl']) {
    expect(settings).toMatch(new RegExp(`\\s${setting}\\s`))
  }
}
