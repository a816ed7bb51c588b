import { deflateSync } from 'node:zlib'

const alphabet =
  '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~'
const bytesInLine = 52

/** A whole file as git writes it into a patch where no line can stand for it. */
export function binaryLiteral(content: Buffer): string {
  const packed = deflateSync(content)
  const lines: string[] = []
  for (let at = 0; at < packed.length; at += bytesInLine) {
    const bytes = packed.subarray(at, at + bytesInLine)
    lines.push(`${lengthMark(bytes.length)}${base85(bytes)}`)
  }
  return `literal ${content.length}\n${lines.join('\n')}\n\n`
}

/** A to Z for 1 to 26 bytes, a to z for 27 to 52. */
function lengthMark(length: number): string {
  return String.fromCharCode(length <= 26 ? 64 + length : 70 + length)
}

/** Four bytes become five characters; the last four are filled up with zeros. */
function base85(bytes: Buffer): string {
  const padded = Buffer.alloc(Math.ceil(bytes.length / 4) * 4)
  bytes.copy(padded)
  let text = ''
  for (let at = 0; at < padded.length; at += 4) {
    let rest = padded.readUInt32BE(at)
    let group = ''
    for (let digit = 0; digit < 5; digit += 1) {
      group = `${alphabet[rest % 85]}${group}`
      rest = Math.floor(rest / 85)
    }
    text += group
  }
  return text
}
