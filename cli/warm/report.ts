// What a person or a script sees of the warming: a bar on a terminal, lines elsewhere, and a summary.

import type { Writable } from 'node:stream'
import { SingleBar } from 'cli-progress'
import { type Io, json, printable } from '../io.js'
import type { WarmedPage, WarmSummary } from './warm_urls.js'

export interface Report {
  page(page: WarmedPage): void
  summary(summary: WarmSummary): void
}

export interface ReportOptions {
  json: boolean
  /** No line for a page that went well. */
  quiet: boolean
  total: number
}

export function createReport(io: Io, { json: asJson, quiet, total }: ReportOptions): Report {
  if (asJson) return { page: (page) => io.out(json(pageEvent(page))), summary: (summary) => io.out(json({ event: 'summary', ...summary })) }
  const finish = (summary: WarmSummary): void => io.out(summaryText(summary))
  const isTrouble = ({ outcome }: WarmedPage): boolean => outcome !== 'rendered' && outcome !== 'fresh'
  if (io.terminal === undefined || total === 0) {
    return { page: (page) => (quiet && !isTrouble(page) ? undefined : io.out(pageText(page))), summary: finish }
  }
  // A bar and lines on one terminal would write over each other.
  const bar = progressBar(io.terminal, total)
  const troubles: string[] = []
  let more = 0
  return {
    page(page) {
      if (isTrouble(page)) troubles.length < MAX_TROUBLES ? troubles.push(pageText(page)) : more++
      bar.increment({ url: printable(page.url).slice(0, 60) })
    },
    summary(summary) {
      bar.stop()
      troubles.forEach((line) => io.out(line))
      if (more > 0) io.out(`… and ${more} more\n`)
      finish(summary)
    }
  }
}

const MAX_TROUBLES = 100

function progressBar(stream: Writable, total: number): SingleBar {
  const bar = new SingleBar({ stream: stream as NodeJS.WriteStream, format: '{bar} {percentage}% {value}/{total} {eta_formatted} {url}', barCompleteChar: '#', barIncompleteChar: '-', barsize: 30, gracefulExit: false })
  bar.start(total, 0, { url: '' })
  return bar
}

function pageEvent({ url, fields, outcome, status, ms, detail }: WarmedPage): object {
  // Values may be secrets.
  return { event: 'page', url, fields: fields.map(([name]) => name), outcome, status, ms, detail: detail || null }
}

/** `rendered   200   12 ms https://example.org/` */
function pageText({ url, fields, outcome, status, ms, detail }: WarmedPage): string {
  const why = detail === '' ? '' : ` (${detail})`
  const variant = fields.map(([name, value]) => ` ${name}: ${value}`).join('')
  return printable(`${outcome.padEnd(10)} ${String(status ?? '-').padStart(3)} ${String(ms).padStart(5)} ms ${url}${variant}${why}`) + '\n'
}

function summaryText(summary: WarmSummary): string {
  const counts = [
    `rendered ${summary.rendered}`,
    `already fresh ${summary.fresh}`,
    `not stored ${summary['not-stored']}`,
    `bypass ${summary.bypass}`,
    `failed ${summary.failed}`,
    ...(summary.left === 0 ? [] : [`not asked ${summary.left}`])
  ]
  const why = { '': '', 'aborted': '; interrupted', 'unreachable': '; given up, because nobody answers' }[summary.stopped]
  return `${counts.join(', ')}; ${(summary.ms / 1000).toFixed(1)} s${why}\n`
}
