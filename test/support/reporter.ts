// Prints `N passed, N failed` alone on the very last line, whatever happens. CI reads nothing else.
import { writeSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'

export default class SummaryReporter implements Reporter {
  private passed = 0
  private failed = 0
  private skipped = 0
  private ended = false

  onInit(): void {
    // At exit, so that nothing (teardown, a warning about open handles) comes after it. Not ended means that vitest
    // itself failed, for example in a global setup.
    process.on('exit', () => {
      if (!this.ended) this.failed = Math.max(this.failed, 1)
      if (this.failed > 0) process.exitCode ||= 1
      const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : ''
      writeSync(1, `\n${this.passed} passed, ${this.failed} failed${skipped}\n`)
    })
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[], reason: 'passed' | 'interrupted' | 'failed'): void {
    this.passed = 0
    this.failed = unhandledErrors.length
    this.skipped = 0
    for (const module of modules) this.count(module)
    // No tests at all, or an interrupted run, is not a success.
    if (this.failed === 0 && (reason !== 'passed' || this.passed === 0)) this.failed = 1
    this.ended = true
  }

  private count(module: TestModule): void {
    let failed = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') this.passed++
      else if (state === 'failed') failed++
      else this.skipped++
    }
    // A file that cannot be loaded, or whose hooks fail, has no failed test to show for it.
    if (failed === 0 && module.state() === 'failed') failed = 1
    this.failed += failed
  }
}
