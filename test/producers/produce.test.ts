import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { deadLetterTopic } from '../../broker/index.ts'
import { createEventParser, parseEventMap } from '../../events/index.ts'
import { fileInput, type ProduceInput, pipeInput, produce } from '../../producers/produce.ts'
import { systemClock } from '../../runtime/clock.ts'
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts'

const topic = 'dataflow.events'
const parser = createEventParser({ map: parseEventMap(''), timezone: 'UTC' })
const good = '{"event_type":"click","timestamp":1770000000,"user_id":"ann"}'
let kafka: MemoryKafka
let folder: string

beforeEach(async () => {
  kafka = createMemoryKafka({ partitions: { [topic]: 2, [deadLetterTopic(topic)]: 1 } })
  folder = await mkdtemp(join(tmpdir(), 'dataflow-produce-'))
})
afterEach(() => rm(folder, { recursive: true }))

function run(inputs: ProduceInput[], signal: AbortSignal = new AbortController().signal) {
  const parts = { ...kafka.connect(), parser, clock: systemClock, signal }
  return produce(inputs, parts, { topic, encoding: 'json' })
}

function eventIds(): string[] {
  return kafka.records(topic).map(({ value }) => JSON.parse(value).event_id)
}

it('sends the lines of files, plain and gzip, and keeps the bad ones as dead letters', async () => {
  const [plain, packed] = [join(folder, 'a.ndjson'), join(folder, 'b.gz')]
  await writeFile(plain, `${good}\nbad\n\n${good}`)
  await writeFile(packed, gzipSync(`${good}\n`))

  const summary = await run([fileInput(plain), fileInput(packed)])

  expect(summary).toEqual({ lines: 5, events: 3, deadLetters: 1 })
  expect(eventIds().sort()).toEqual([`${plain}#1`, `${plain}#4`, `${packed}#1`])
  const [letter] = kafka.records(deadLetterTopic(topic))
  expect(letter).toMatchObject({ key: `${plain}#2`, value: 'bad', headers: { stage: 'produce' } })
})

it('names the lines of each pipe apart from those of every other', async () => {
  await run([pipeInput(Readable.from([Buffer.from(good)]), 'run-1')])
  await run([pipeInput(Readable.from([Buffer.from(good)]), 'run-2')])

  expect(eventIds().sort()).toEqual(['stdin/run-1#1', 'stdin/run-2#1'])
})

it('sends what a slow pipe has given before it gives more', async () => {
  const pipe = new PassThrough()
  const isDone = run([pipeInput(pipe)])

  pipe.write(`${good}\n`)
  await expect.poll(() => eventIds().length).toBe(1)
  pipe.end(`${good}\n`)

  expect(await isDone).toMatchObject({ events: 2 })
})

it('sends whole lines only when the signal stops a pipe', async () => {
  const pipe = new PassThrough()
  const controller = new AbortController()
  const isDone = run([pipeInput(pipe)], controller.signal)
  pipe.write(`${good}\n{"event_ty`)
  await expect.poll(() => eventIds().length).toBe(1)

  controller.abort()

  expect(await isDone).toEqual({ lines: 1, events: 1, deadLetters: 0 })
})

it('does not read on behind the beginning of a JSON array', async () => {
  const path = join(folder, 'array.json')
  await writeFile(path, `[\n${`${good},\n`.repeat(20)}]`)

  const summary = await run([fileInput(path)])

  expect(summary).toEqual({ lines: 1, events: 0, deadLetters: 1 })
})

it('names a file that is not there', async () => {
  const missing = join(folder, 'nothing.ndjson')

  await expect(run([fileInput(missing)])).rejects.toMatchObject({
    code: 'SETUP',
    message: `there is no file ${missing}: check the path`,
  })
})
