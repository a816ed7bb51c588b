const MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION =
  /(\[|offset |for: |group_wait: |group_interval: |repeat_interval: )(\d+)(s|m|h|d)\b/g

/**
 * Rules, or Alertmanager's settings, in which everything takes so many times less time: windows, `for`, `offset` and waits.
 *
 * @throws Error when there is none.
 */
export function scaled(text: string, factor: number): string {
  let times = 0
  const faster = text.replace(DURATION, (_all, before: string, count: string, unit: 's') => {
    times++
    return `${before}${Math.round((Number(count) * MS[unit]) / factor)}ms`
  })
  if (times === 0) throw new Error('there is no duration to scale')
  return faster
}
