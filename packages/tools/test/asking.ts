import { legacy, modern, post } from './support.js'

export const eras = ['modern', 'legacy'] as const
export type Era = (typeof eras)[number]

interface Answered {
  status: number
  /** Every byte of the answer. */
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever came over the wire
  result?: any
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

/** One raw request in an era, as its clients would send it. */
export async function ask(
  url: URL,
  era: Era,
  method: string,
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const { body, headers: own } = era === 'modern' ? modern(method, params) : legacy(method, params)
  const name = era === 'modern' ? (params.uri ?? params.name) : undefined
  const named: Record<string, string> =
    typeof name === 'string' ? { 'mcp-name': headerText(name) } : {}
  const { status, text } = await post(url, body, { ...own, ...named, ...headers })
  const messages = [...text.matchAll(/^(?:data: )?(\{.*\})$/gm)].map(([, json = '']) =>
    JSON.parse(json),
  )
  const { result, error } = messages.find((message) => 'id' in message) ?? {}
  return { status, text, result, error }
}

function headerText(text: string): string {
  if (/^[\x21-\x7e]*$/.test(text) && !text.startsWith('=?')) return text
  return `=?base64?${Buffer.from(text).toString('base64')}?=`
}
