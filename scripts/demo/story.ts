// The story of `npm run demo -- --once`: real requests to the running site, each step checked by what came back.
import { Difference } from './check.js'
import { paint } from './paint.js'
import type { Site } from './site.js'
import { stepsOf } from './story_steps.js'

/** 0 when every step held, else 1. */
export async function story(site: Site, stopped: AbortSignal): Promise<number> {
  const steps = stepsOf(site)
  const start = performance.now()
  let held = 0
  console.log(`The example site is behind Nginx at ${site.url}\n`)
  for (const { title, run } of steps) {
    if (stopped.aborted) return 1
    try {
      const seen = await run()
      held++
      console.log(`${paint('green', '✓')} ${title}\n    ${paint('dim', seen)}`)
    } catch (error) {
      if (stopped.aborted) return 1
      console.log(`${paint('red', '✗')} ${title}\n${explain(error)}`)
      console.log(indent(`Nginx's error log: ${(await site.errorLog()).trimEnd().split('\n').slice(-20).join('\n') || '(empty)'}`))
    }
  }
  console.log(`\n${held} of ${steps.length} steps held, in ${((performance.now() - start) / 1000).toFixed(1)} s.`)
  return held === steps.length ? 0 : 1
}

function explain(error: unknown): string {
  if (!(error instanceof Difference)) return indent((error as Error).message)
  return indent(`${error.what}\nexpected: ${error.expected}\ncame:     ${error.came}`)
}

const indent = (text: string) => text.replace(/^/gm, '    ')
