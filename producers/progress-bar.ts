import type { Clock } from '../runtime/clock.ts'

/** How far long work is, on a terminal: bytes of bytes, lines, rate, time left. */
export interface ProgressBar {
  /** More work is known of. */
  expect(bytes: number): void
  advance(step: { bytes: number; lines: number }): void
  /** Takes the bar off the screen; the next `expect` begins a new one. */
  clear(): void
}

/** For when there is no terminal: nothing but the result should be in a log. */
export const noProgress: ProgressBar = { expect() {}, advance() {}, clear() {} }

export interface ProgressBarParts {
  terminal: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }
  clock: Clock
}

export interface ProgressFacts {
  doneBytes: number
  expectedBytes: number
  lines: number
  elapsedMs: number
}

const redrawMs = 100
const eraseLine = '\r\u001b[2K'

export function createProgressBar({ terminal, clock }: ProgressBarParts): ProgressBar {
  if (terminal.isTTY !== true) return noProgress
  let facts: ProgressFacts | null = null
  let startedMs = 0
  let drawnMs = 0
  return {
    expect(bytes) {
      if (facts === null) {
        facts = { doneBytes: 0, expectedBytes: 0, lines: 0, elapsedMs: 0 }
        startedMs = clock.nowMs()
        drawnMs = startedMs
      }
      facts.expectedBytes += bytes
    },
    advance({ bytes, lines }) {
      if (facts === null) return
      facts.doneBytes += bytes
      facts.lines += lines
      const nowMs = clock.nowMs()
      if (nowMs - drawnMs < redrawMs) return
      drawnMs = nowMs
      facts.elapsedMs = nowMs - startedMs
      terminal.write(`${eraseLine}${progressLine(facts, terminal.columns ?? 80)}`)
    },
    clear() {
      if (facts !== null) terminal.write(eraseLine)
      facts = null
    },
  }
}

/** One line of fewer than `columns` characters. Pure. */
export function progressLine(facts: ProgressFacts, columns: number): string {
  const { doneBytes, expectedBytes, lines, elapsedMs } = facts
  const share = expectedBytes === 0 ? 0 : Math.min(1, doneBytes / expectedBytes)
  const seconds = elapsedMs / 1_000
  const linesPerSecond = seconds === 0 ? 0 : Math.round(lines / seconds)
  const secondsLeft = share === 0 ? null : (seconds * (1 - share)) / share
  const numbers = [
    `${String(Math.floor(share * 100)).padStart(3)}%`,
    `${megabytes(doneBytes)}/${megabytes(expectedBytes)} MB`,
    `${lines.toLocaleString('en-US')} lines`,
    `${linesPerSecond.toLocaleString('en-US')}/s`,
    secondsLeft === null ? '' : `${duration(secondsLeft)} left`,
  ].join('  ')
  const width = Math.min(30, columns - numbers.length - 4)
  if (width < 5) return numbers.slice(0, columns - 1)
  const filled = Math.round(share * width)
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] ${numbers}`
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1)
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes === 0) return `${whole}s`
  if (minutes < 60) return `${minutes}m ${String(whole % 60).padStart(2, '0')}s`
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`
}
