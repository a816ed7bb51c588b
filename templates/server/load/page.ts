import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { percents } from './judge-stage.js'
import { asMarkup, html, type Markup } from './markup.js'
import { eraPlots } from './page-plots.js'
import type { EraRun, Run } from './run.js'
import { columns, counted, rate, time } from './table.js'

/** One file that stands alone: no script, nothing from the network, and a policy that allows neither. */
export async function pageOf(run: Run, last: Run | undefined): Promise<string> {
  const style = await readFile(new URL('page.css', import.meta.url), 'utf8')
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Load test of ${run.tool}</title>
<style>${asMarkup(style)}</style>
</head>
<body>
<header>
<h1>Load test of <code>${run.tool}</code></h1>
<p>${run.url}, ${run.startedAt.slice(0, 16).replace('T', ' ')} UTC, from Node ${run.node} on ${run.machine.cpus} × ${run.machine.model}</p>
</header>
<main>
${run.eras.map((era) => eraSection(era, run, last))}
<section>
<h2>Beside the last run</h2>
${run.comparison.text.map((text) => html`<p>${text}</p>`)}
</section>
${howToRead(run)}
</main>
</body>
</html>
`
  return markup
}

function eraSection(era: EraRun, run: Run, last: Run | undefined): Markup {
  const id = `era-${era.era}`
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">Revision ${era.era}</h2>
<p class="end ${era.end.reason}">Ended at ${counted(era.end.connections)}: ${era.end.text}.</p>
${figures(era)}
<div class="plots">${eraPlots(era, run, last)}</div>
${tableOf(era)}
</section>`
}

function figures({ best, plan }: EraRun): Markup {
  const figure = (value: string, unit: string, text: string) =>
    html`<div><dt>${text}</dt><dd><b>${value}</b> ${unit}</dd></div>`
  const none = html`<p>No capacity was found: what was measured says nothing about what the server can take.</p>`
  return html`<dl>${
    best
      ? figure(
          rate(best.callsPerSecond),
          'calls/s',
          `best, at ${counted(best.connections)} with a p99 of ${time(best.p99Ms)}`,
        )
      : ''
  }${
    plan
      ? figure(
          rate(plan.callsPerSecond),
          'calls/s',
          `to plan with, 70 % of it; ${counted(plan.connections)} reached it with a p99 of ${time(plan.p99Ms)}`,
        )
      : ''
  }</dl>${plan ? '' : none}`
}

function tableOf({ era, stages }: EraRun): Markup {
  const rows = stages.map(
    (stage) => html`<tr>${columns.map(({ of }) => html`<td>${of(stage, era)}</td>`)}</tr>\n`,
  )
  const failures = stages.flatMap(({ connections, failures }) =>
    failures.map(
      ({ what, count }) => html`<li>${counted(connections)}, ${count} times: ${what}</li>`,
    ),
  )
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Numbers of ${era}">
<table><caption>The same in numbers</caption>
<thead><tr>${columns.map(({ title }) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>
${failures.length > 0 ? html`<details open><summary>What went wrong</summary><ul>${failures}</ul></details>` : ''}`
}

function howToRead({ tool, arguments: args, options }: Run): Markup {
  return html`<section>
<h2>How to read it</h2>
<p>Each connection is one caller that calls <code>${tool}</code> with <code>${JSON.stringify(args)}</code> again as soon as it is answered,
for ${options.stageSeconds} s a stage. When the server is slow such callers ask less, so a percentile says what callers see while so many are there at once;
with calls that come at a fixed rate, however slow the answers are, the tail would be longer. It is of calls that succeeded, and of fewer than a hundred the p99 is the slowest.</p>
<p>A call has failed when its body says so, whatever the status; a 503 is counted as refused. The ramp ends with the first of: more than ${percents(options.maxErrorRate)} failed or refused,
a p99 above ${time(options.maxP99Ms)}, or two doublings that gave less than 5 % more. Server CPU is in processors, of all its workers; a generator near 100 % measures itself.</p>
</section>`
}
