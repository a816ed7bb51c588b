import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

/** Debian's; others say where theirs is. */
export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

export interface Dot {
  plot: string
  line: string
  x: number
  y: number
  isVisible: boolean
}

/** What a browser makes of the page of a run. */
export async function openPage(browser: Browser, out: string) {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } })
  const complaints: string[] = []
  const asked: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => asked.push(request.url()))
  const url = pathToFileURL(join(out, 'latest.html')).href
  await page.goto(url)
  const dots = await page.locator('svg circle').evaluateAll((circles) =>
    circles.map((circle) => {
      const box = circle.getBoundingClientRect()
      const around = circle.closest('svg')?.getBoundingClientRect()
      const { line, x, y } = (circle as unknown as { dataset: Record<string, string> }).dataset
      return {
        plot: circle.closest('svg')?.id ?? '',
        line: String(line),
        x: Number(x),
        y: Number(y),
        isVisible:
          around !== undefined &&
          box.width > 4 &&
          box.left >= around.left &&
          box.right <= around.right &&
          box.top >= around.top &&
          box.bottom <= around.bottom,
      } satisfies Dot
    }),
  )
  const dashed = await page.locator('svg polyline.last').count()
  const colour = await page.locator('polyline.p99').first().evaluate(strokeOf)
  const rows = await page.locator('tbody tr').count()
  await page.setViewportSize({ width: 360, height: 740 })
  const overflows = await page.evaluate('document.documentElement.scrollWidth > 360')
  const text = await page.locator('body').innerText()
  await page.close()
  return { complaints, asked, url, dots, dashed, colour, rows, overflows, text }
}

const strokeOf = (element: unknown) =>
  (globalThis as unknown as { getComputedStyle(e: unknown): { stroke: string } }).getComputedStyle(
    element,
  ).stroke

export const launch = () => chromium.launch({ executablePath, args: ['--no-sandbox'] })
