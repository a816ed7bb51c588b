import { createInterface } from 'node:readline'
import { asked } from './asked.js'
import { CliError } from './errors.js'
import type { InputQuestion, Question } from './plopfile.js'

type Answers = Record<string, string | boolean>

/** Asks where nothing but lines can be shown (TERM=dumb): no escape sequence, no list to move in. */
export async function askInLines(questions: Question[], signal: AbortSignal): Promise<Answers> {
  const input = createInterface({ input: process.stdin, terminal: false })
  // It keeps what is typed before it is asked for.
  const lines = input[Symbol.asyncIterator]()
  try {
    return await asked(askAll(questions, lines), signal)
  } catch (error) {
    process.stdout.write('\n')
    throw error
  } finally {
    input.close()
  }
}

async function askAll(questions: Question[], lines: AsyncIterator<string>): Promise<Answers> {
  const answers: Answers = {}
  for (const question of questions) {
    while (answers[question.name] === undefined) {
      process.stdout.write(promptOf(question, answers))
      const { value, done } = await lines.next()
      if (done) throw new CliError('left at a prompt: nothing was written', 130)
      const answer = await read(question, value.trim(), answers)
      if (answer.problem) process.stdout.write(`  ${answer.problem}\n`)
      else answers[question.name] = answer.value as string | boolean
    }
  }
  return answers
}

function promptOf(question: Question, answers: Answers): string {
  const { message } = question
  if (question.type === 'confirm') return `${message} (${question.default ? 'Y/n' : 'y/N'}) `
  if (question.type === 'list') {
    return `${message} ${question.choices.join(', ')} (${question.choices[0]}) `
  }
  return `${message} (${defaultOf(question, answers)}) `
}

interface Read {
  value?: string | boolean
  problem?: string
}

async function read(question: Question, text: string, answers: Answers): Promise<Read> {
  if (question.type === 'confirm') {
    if (text === '') return { value: question.default }
    if (/^(y|yes|n|no)$/i.test(text)) return { value: /^y/i.test(text) }
    return { problem: 'answer y or n' }
  }
  if (question.type === 'list') {
    const value = text || question.choices[0]
    return question.choices.includes(value ?? '') ? { value } : { problem: 'write one of these' }
  }
  const value = text || defaultOf(question, answers)
  const valid = await question.validate(value)
  return valid === true ? { value } : { problem: valid }
}

function defaultOf(question: InputQuestion, answers: Answers): string {
  return typeof question.default === 'string' ? question.default : question.default(answers)
}
