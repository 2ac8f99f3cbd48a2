/** Run in a process of its own, to be killed: appends without end and prints every acknowledged base offset. */
import { openDataDir } from '../../../../broker/embedded/disk/index.ts'
import { createBatchEncoder } from '../../../../broker/wire/index.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLogger } from '../../../../runtime/log.ts'

const dir = process.argv[2] ?? ''
const dataDir = await openDataDir({
  dir,
  log: silentLogger,
  clock: systemClock,
  fsync: 'interval',
  segmentBytes: 200_000,
})
const topic = dataDir.topics.get('clicks') ?? (await dataDir.createTopic('clicks', 1, {}))
const [log] = topic.partitions
if (!log) throw new Error('no partition')
const producerId = await dataDir.allocateProducerId()
const encoder = createBatchEncoder()
let sequence = 0

async function appendOne(): Promise<void> {
  const value = Buffer.from(`${producerId}:${sequence}`.padEnd(1_000, '.'))
  encoder.add(Date.now(), null, value)
  encoder.add(Date.now(), null, value)
  const batch = encoder.finish({ producerId, producerEpoch: 0, baseSequence: sequence })
  sequence += 2
  const { baseOffset } = (await log?.append(batch)) ?? { baseOffset: -1 }
  process.stdout.write(`${baseOffset} ${value.toString('utf8', 0, 20)}\n`)
}

for (;;) await Promise.all([appendOne(), appendOne(), appendOne()])
