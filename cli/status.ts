import { type CommandContext, exitCodes } from './command-line.ts'
import { gatherReport, type PartitionReport } from './report.ts'

export async function run(context: CommandContext): Promise<number> {
  const { config, flags, print } = context
  const report = await gatherReport(context)
  if (flags.json) {
    print(JSON.stringify(report, null, 2))
    return exitCodes.done
  }
  if (report.children.length === 0) print(`processes   none run on ${config.home}: \`npm start\` starts them`)
  for (const { name, state, pid, restarts } of report.children)
    print(
      `${name.padEnd(11)} ${state}${pid === null ? '' : `, process ${pid}`}${restarts > 0 ? `, started again ${restarts} times` : ''}`,
    )
  if (!report.broker.reachable) print(`Kafka       ${report.broker.reason}`)
  if (report.partitions) printPartitions(config.kafka.topic, report.partitions, print)
  if (report.lag_records !== null)
    print(`lag         ${count(report.lag_records)} events not in the table yet`)
  if (report.dead_letters !== null) print(`set aside   ${count(report.dead_letters)} dead letters`)
  if (report.table)
    print(
      `table       version ${report.table.version}, last commit ${report.table.last_commit}, complete to ${report.table.watermark ?? 'nothing yet'}`,
    )
  else print('table       not there yet: the first processor creates it')
  return exitCodes.done
}

function printPartitions(
  topic: string,
  partitions: readonly PartitionReport[],
  print: (line: string) => void,
): void {
  print(`topic       ${topic}`)
  const head = ['partition', 'oldest', 'written', 'end', 'in table', 'committed', 'lag']
  const rows = partitions.map((each) => [
    String(each.partition),
    count(each.oldest_offset),
    each.oldest_time ?? '-',
    count(each.end_offset),
    each.table_offset === null ? '-' : count(each.table_offset),
    each.committed_offset === null ? '-' : count(each.committed_offset),
    count(each.lag_records),
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of [head, ...rows])
    print(`  ${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')}`)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
