import type { Config } from '../runtime/config.ts'
import type { CommandContext } from './command-line.ts'
import { gatherReport } from './report.ts'

const pollMs = 100
/** A backlog larger than this takes does not hold back the addresses. */
const patienceMs = 60_000

/** One line per part: embedded or real, and where. */
export function describeParts(config: Config): string[] {
  const { kafka, raw, table, http } = config
  return [
    kafka.embedded
      ? `Kafka    embedded broker on 127.0.0.1:${kafka.embeddedPort}, data in ${config.home}/broker`
      : `Kafka    ${kafka.brokers.join(',')}`,
    `raw      ${raw.url}${raw.embedded ? ' (local folder)' : ''}`,
    `table    ${table.url}${table.embedded ? ' (local folder)' : ''}`,
    `API      http://${http.host}:${http.port}`,
    `logs     ${config.home}/logs`,
  ]
}

/** Waits until the table holds what has been replayed, then says what there is and what to try. */
export async function printWelcome(context: CommandContext): Promise<void> {
  const { config, lifecycle, note } = context
  const url = `http://${config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host}:${config.http.port}`
  const giveUpMs = Date.now() + patienceMs
  let report = await gatherReport(context)
  while (report.lag_records !== 0 && Date.now() < giveUpMs && !lifecycle.signal.aborted) {
    await new Promise((done) => setTimeout(done, pollMs))
    report = await gatherReport(context)
  }
  if (lifecycle.signal.aborted) return
  const types = await fetchTypes(url)
  note('')
  for (const { event_type, total_events } of types)
    note(`  ${event_type.padEnd(20)} ${total_events.toLocaleString('en-US').padStart(12)}`)
  const total = types.reduce((sum, type) => sum + type.total_events, 0)
  note(
    `  ${'all'.padEnd(20)} ${total.toLocaleString('en-US').padStart(12)} events counted, ${report.dead_letters ?? 0} dead letters set aside`,
  )
  if (report.lag_records) note(`  ${report.lag_records.toLocaleString('en-US')} more are on their way`)
  const type = encodeURIComponent(types[0]?.event_type ?? 'click')
  note(`
Ask for a number:
  curl '${url}/analytics/types'
  curl '${url}/analytics/events?event_type=${type}'
Add events and look around (in another terminal):
  echo '{"event_type":"click","timestamp":"${new Date().toISOString()}"}' | npx dataflow produce
  npx dataflow produce --demo --rate 50
  npx dataflow consume --from-beginning --max-messages 3
  npx dataflow status
Kafka clients connect to ${config.kafka.brokers.join(',')}. Ctrl-C or \`npx dataflow stop\` stops everything.`)
}

async function fetchTypes(url: string): Promise<{ event_type: string; total_events: number }[]> {
  const answer = await fetch(`${url}/analytics/types`)
  const body = (await answer.json()) as { types?: { event_type: string; total_events: number }[] } // our own API's answer
  return body.types ?? []
}
