import { cpus, totalmem } from 'node:os'

/** What makes a figure comparable: the machine, the Node version and the command stand above every one. */
export function printHeading(claim: string): void {
  const [cpu] = cpus()
  console.log(`# ${claim}`)
  console.log(
    `machine: ${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${process.platform}`,
  )
  console.log(`node:    ${process.version}`)
  console.log(`command: node ${process.argv.slice(1).join(' ')}`)
}

/** Runs `work` several times, one after the other, and returns what each run measured. */
export async function repeat<T>(times: number, work: (run: number) => Promise<T> | T): Promise<T[]> {
  const results: T[] = []
  for (let run = 0; run < times; run++) results.push(await work(run))
  return results
}

export interface Figure {
  name: string
  unit: string
  /** One value per run. */
  values: readonly number[]
}

/** One line per figure: median, then the spread from the smallest to the largest run. */
export function printFigures(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ name }) => name.length))
  for (const { name, unit, values } of figures) {
    const sorted = [...values].sort((a, b) => a - b)
    const show = (value = Number.NaN): string =>
      value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 })
    const spread = `${show(sorted[0])} to ${show(sorted.at(-1))} in ${sorted.length} runs`
    console.log(`${name.padEnd(width)}  ${show(median(sorted)).padStart(12)} ${unit.padEnd(9)} (${spread})`)
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}
