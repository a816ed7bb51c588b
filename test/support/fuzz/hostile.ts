import { Members, Raw } from './json.js'
import { list } from './list.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'

/** Whoever writes to a shared prototype, or splits an answer's headers, leaves this behind. */
export const MARK = 'x-injected'

const NAMES = list(
  '__proto__|constructor|prototype|toString|valueOf|hasOwnProperty|then|toJSON|length|name|code',
  'message|stack|cause|id|method|params|_meta|jsonrpc|result|error|arguments|uri|cursor||__defineGetter__',
  'progressToken|io.modelcontextprotocol/protocolVersion|protocolVersion',
)

const NUMBERS = list(
  '1e999|-1e999|-0|1.7976931348623157e308|-1.7976931348623157e308|5e-324|9007199254740993|1E400|0',
  '123456789012345678901234567890|-1|1.5|00|01|+1|0x10|.5|1.|NaN|Infinity|1_000|0.1e1',
  `1${'0'.repeat(400)}`,
)

const LITERALS = list('null|true|false|undefined|{}|[]|[[]]|{"":{}}|""')

const TEXTS = list(
  'x|1|-32603|null|true|2026-07-28|2025-11-25|1970-01-01|9999-99-99|\ud800|\udfff\ud800|\u0000|\ufeff',
  "\u2028\u2029|\u202e|\u{1f680}|\x1b[2J|#{7*7}|{{7*7}}|%s%n%x|$(id)|'; --|<script>1</script>",
  '../../../etc/hosts|javascript:1|file:///etc/hosts|http://169.254.169.254/|data:,x|=?base64?!!?=',
  `\r\n${MARK}: 1|%0d%0a${MARK}: 1|\n\n{"level":"error","message":"${MARK}"}`,
)

/** Values that nothing expects where they come. */
export function hostileValues(random: Random, secrets: Secrets) {
  const { int, chance, pick, text } = random

  function long(): string {
    return text(1).repeat(chance(0.1) ? 100_000 : 300 + int(3000))
  }
  function deep(): Raw {
    const levels = pick([30, 63, 64, 65, 200, 5_000])
    const [open, close] = pick([
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
    return new Raw(open.repeat(levels) + (open === '[' ? '' : '1') + close.repeat(levels))
  }
  function many(): Raw {
    const count = pick([100, 1_000, 10_001])
    return chance(0.5)
      ? new Raw(`[${pick(NUMBERS.slice(0, 4))}${',1'.repeat(count)}]`)
      : new Raw(`{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join()}}`)
  }
  function polluting(): Raw {
    const mark = `{"${MARK}":true}`
    const forms = [
      `{"__proto__":${mark}}`,
      `{"constructor":{"prototype":${mark}}}`,
      `{"\\u005f\\u005fproto\\u005f\\u005f":${mark}}`,
      `{"__proto__":null,"toString":1,"valueOf":null,"toJSON":1,"then":1}`,
      `{"a":{"__proto__":{"__proto__":${mark}}}}`,
    ]
    return new Raw(pick(forms))
  }
  function password(): unknown {
    const { password } = secrets
    const forms = [
      password,
      { password },
      { user: 'root', pass: password, nested: [{ token: password }] },
      [password, `Bearer ${password}`, `password=${password}`],
      `postgres://root:${password}@db.internal/orders`,
      `Basic ${Buffer.from(`root:${password}`).toString('base64')}`,
    ]
    return pick(forms)
  }

  function value(): unknown {
    const dice = int(100)
    if (dice < 22) return new Raw(pick(NUMBERS))
    if (dice < 38) return new Raw(pick(LITERALS))
    if (dice < 58) return pick(TEXTS)
    if (dice < 72) return password()
    if (dice < 80) return polluting()
    if (dice < 86) return deep()
    if (dice < 89) return many()
    if (dice < 94) return long()
    return new Members([
      [name(), pick(TEXTS)],
      [name(), new Raw(pick(NUMBERS))],
    ])
  }
  function name(): string {
    return chance(0.9) ? pick(NAMES) : pick(TEXTS)
  }

  return { value, name, number: () => new Raw(pick(NUMBERS)) }
}

export type Hostile = ReturnType<typeof hostileValues>
