import { setMaxListeners } from 'node:events'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { deadLetterTopic, replayLedgerTopic } from '../../broker/index.ts'
import { createEventParser, parseEventMap } from '../../events/index.ts'
import { noProgress } from '../../producers/progress-bar.ts'
import { parseLedgerEntry } from '../../producers/replay/ledger-entry.ts'
import { type ReplayOptions, type ReplaySummary, replay } from '../../producers/replay/replay.ts'
import { type Clock, createManualClock, systemClock } from '../../runtime/clock.ts'
import { createLogger, type Logger, silentLogger } from '../../runtime/log.ts'
import { createMemoryStore, type ObjectStore } from '../../storage/index.ts'
import { createMemoryKafka, Killed, type MemoryKafka, type SendFault } from './memory-kafka.ts'

const topic = 'dataflow.events'
const partitions = { [topic]: 3, [deadLetterTopic(topic)]: 1, [replayLedgerTopic]: 1 }
const parser = createEventParser({ map: parseEventMap(''), timezone: 'UTC' })

let store: ObjectStore
let kafka: MemoryKafka

beforeEach(() => {
  store = createMemoryStore()
  kafka = createMemoryKafka({ partitions })
})

interface Overrides extends Partial<ReplayOptions> {
  log?: Logger
  clock?: Clock
  signal?: AbortSignal
  process?: ReturnType<MemoryKafka['connect']>
}

function run(overrides: Overrides = {}): Promise<ReplaySummary> {
  const {
    log = silentLogger,
    clock = systemClock,
    signal = new AbortController().signal,
    ...rest
  } = overrides
  const { process = kafka.connect(), ...options } = rest
  const parts = { store, ...process, parser, progress: noProgress, log, clock, signal }
  return replay(parts, { topic, encoding: 'json', parsing: 'UTC', follow: false, ...options })
}

function line(id: string, user: number | string = id): string {
  return JSON.stringify({
    event_id: id,
    event_type: 'click',
    timestamp: '2026-01-31T12:00:00Z',
    user_id: `u${user}`,
  })
}

/** `count` lines whose ids say where they come from; padded, so that objects span several slices. */
function linesOf(name: string, count: number, padBytes = 0): string {
  const pad = ' '.repeat(padBytes)
  return Array.from({ length: count }, (_, at) => `${line(`${name}#${at + 1}`, at % 10)}${pad}\n`).join('')
}

function eventIds(): string[] {
  return kafka.records(topic).map(({ value }) => JSON.parse(value).event_id)
}

function deadLetters(): {
  origin: string | null
  reason: string | undefined
  value: string
  message: string
}[] {
  return kafka.records(deadLetterTopic(topic)).map(({ key, value, headers }) => {
    const { reason, message = '' } = headers
    return { origin: key, reason, value, message }
  })
}

function ledgerStatus(object: string): string | undefined {
  const entries = kafka.records(replayLedgerTopic).map(({ value }) => parseLedgerEntry(Buffer.from(value)))
  return entries.findLast((entry) => entry?.object === object)?.status
}

describe('a replay', () => {
  it('puts every good line on the topic and every bad one into the dead letters', async () => {
    await store.put('a.ndjson', Buffer.from(`${line('one')}\nnot json\n\n${line('two')}\n{"event_type":"x"}`))
    await store.put('b.json.gz', gzipSync(`${line('three')}\n`))

    const summary = await run()

    expect(eventIds().sort()).toEqual(['one', 'three', 'two'])
    expect(deadLetters().map(({ origin, reason, value }) => [origin, reason, value])).toEqual([
      ['a.ndjson#2', 'not_json', 'not json'],
      ['a.ndjson#5', 'missing_timestamp', '{"event_type":"x"}'],
    ])
    expect(summary).toEqual({ objects: 2, lines: 6, events: 3, deadLetters: 2, changed: [], uncertain: [] })
  })

  it('adds nothing the second time (D7)', async () => {
    await store.put('a.ndjson', Buffer.from(linesOf('a', 20)))
    await run()

    const summary = await run()

    expect(eventIds()).toHaveLength(20)
    expect(summary).toMatchObject({ objects: 0, events: 0 })
  })

  it('gives an event without an id one that is the same on every replay', async () => {
    await store.put('day/a.ndjson', Buffer.from('\n{"event_type":"x","timestamp":1770000000}\n'))

    await run()

    expect(eventIds()).toEqual(['day/a.ndjson#2'])
  })

  it('reports an object that was replaced, and does not replay it', async () => {
    await store.put('a.ndjson', Buffer.from(linesOf('old', 2)))
    await run()
    await store.put('a.ndjson', Buffer.from(linesOf('new', 2)))
    const warnings: string[] = []
    const log = createLogger({ level: 'warn', write: (text) => warnings.push(JSON.parse(text).message) })

    const summary = await run({ log })

    expect(summary.changed).toEqual(['a.ndjson'])
    expect(warnings).toEqual(['object was replaced after it was replayed, its new content is not replayed'])
    expect(eventIds().sort()).toEqual(['old#1', 'old#2'])
  })

  it('makes one dead letter of a JSON array over many lines, which says how to turn it into lines', async () => {
    await store.put('in/big array.json', Buffer.from(`[\n${linesOf('a', 100)}]`))

    const summary = await run()

    expect(deadLetters()).toEqual([
      {
        origin: 'in/big array.json#1',
        reason: 'json_array',
        value: '[',
        message: expect.stringContaining(`jq -c '.[]' 'big array.json' > 'big array.ndjson'`),
      },
    ])
    expect(summary).toMatchObject({ objects: 1, events: 0, deadLetters: 1 })
  })

  it('makes one dead letter of an array on one line, and reads the lines behind it', async () => {
    await store.put('a.json', Buffer.from(`[{"event_type":"x"}]\n${line('one')}\n`))

    await run()

    expect(deadLetters().map(({ origin, reason }) => [origin, reason])).toEqual([['a.json#1', 'json_array']])
    expect(eventIds()).toEqual(['one'])
  })

  it('makes one dead letter of gzip data that ends early, after all its good lines', async () => {
    const random = (at: number): string => ((at * 2654435761) >>> 0).toString(36)
    const text = Array.from({ length: 5_000 }, (_, at) => `${line(`a#${at + 1}`, random(at))}\n`).join('')
    const packed = gzipSync(text)
    await store.put('a.ndjson.gz', packed.subarray(0, packed.length / 2))

    const summary = await run()

    const [letter] = deadLetters()
    const ids = eventIds()
    expect(summary.deadLetters).toBe(1)
    expect(letter?.reason).toBe('truncated_gzip')
    expect(letter?.origin).toBe(`a.ndjson.gz#${ids.length + 1}`)
    expect(ids.length).toBeGreaterThan(1_000)
    expect(ledgerStatus('a.ndjson.gz')).toBe('finished')
  })

  it('makes a dead letter of a line that is too long, with its beginning', async () => {
    await store.put('a.ndjson', Buffer.from(`${line('one')}\n${'x'.repeat(300_000)}\n${line('two')}\n`))

    await run({ maxLineBytes: 100_000 })

    expect(eventIds().sort()).toEqual(['one', 'two'])
    expect(deadLetters().map(({ origin, reason, value }) => [origin, reason, value.length])).toEqual([
      ['a.ndjson#2', 'too_long', 1_024],
    ])
  })

  it('makes a dead letter of an event that would not fit into a record', async () => {
    const properties = { numbers: Array.from({ length: 200_000 }, () => 'x') }
    const event = { event_type: 'x', timestamp: 1_770_000_000, properties }
    const long = JSON.stringify({ ...event, properties: { text: 'y'.repeat(999_900) } })
    await store.put('a.ndjson', Buffer.from(`${JSON.stringify(event)}\n${long}\n`))

    await run()

    expect(eventIds()).toEqual(['a.ndjson#1'])
    expect(deadLetters().map(({ origin, reason }) => [origin, reason])).toEqual([['a.ndjson#2', 'too_long']])
  })

  it('reads gzip under any name', async () => {
    await store.put('firehose-2026-01-31', gzipSync(`${line('one')}\n`))

    await run()

    expect(eventIds()).toEqual(['one'])
  })

  it('replays into another topic what was replayed into one', async () => {
    kafka = createMemoryKafka({ partitions: { ...partitions, other: 1, [deadLetterTopic('other')]: 1 } })
    await store.put('a.ndjson', Buffer.from(linesOf('a', 3)))
    await run()

    await run({ topic: 'other' })

    expect(kafka.records('other')).toHaveLength(3)
  })
})

describe('a replay that follows', () => {
  it('says once that it waits, then takes objects as they come', async () => {
    const clock = createManualClock(1_000_000)
    const controller = new AbortController()
    setMaxListeners(0, controller.signal) // the manual clock leaves its listeners
    const messages: string[] = []
    const log = createLogger({ level: 'info', write: (text) => messages.push(JSON.parse(text).message) })
    const isDone = run({ follow: true, clock, log, signal: controller.signal })
    await until(() => messages.includes('no objects to replay yet, waiting'), clock)

    await store.put('a.ndjson', Buffer.from(linesOf('a', 3)))
    await until(() => eventIds().length === 3, clock)
    await store.put('b.ndjson', Buffer.from(linesOf('b', 2)))
    await until(() => messages.length === 4, clock)
    controller.abort()

    expect(await isDone).toMatchObject({ objects: 2, events: 5 })
    const caughtUp = 'replay caught up'
    expect(messages).toEqual([caughtUp, 'no objects to replay yet, waiting', caughtUp, caughtUp])
  })

  it('waits until a file is no longer being written', async () => {
    const clock = createManualClock(1_000_000)
    store = createMemoryStore({ nowMs: clock.nowMs })
    await store.put('a.ndjson', Buffer.from(linesOf('half', 1)))
    const polling = { pollMs: 100, settleMs: 1_000 }
    const isDone = run({ clock, polling })
    clock.advance(900)
    await store.put('a.ndjson', Buffer.from(linesOf('whole', 2)))

    await until(() => eventIds().length > 0, clock)

    expect(await isDone).toMatchObject({ objects: 1, changed: [] })
    expect(eventIds().sort()).toEqual(['whole#1', 'whole#2'])
  })
})

describe('a replay that stops in the middle', () => {
  it.each(['a.ndjson', 'a.ndjson.gz'])('goes on at the very next line of %s', async (key) => {
    const text = linesOf('a', 1_000, 500)
    await store.put(key, key.endsWith('.gz') ? gzipSync(text) : Buffer.from(text))
    const controller = new AbortController()
    let sends = 0
    kafka = createMemoryKafka({
      partitions,
      faults(name) {
        if (name === topic && ++sends === 2) controller.abort()
        return null
      },
    })

    const first = await run({ signal: controller.signal, checkpointLines: 100 })
    const sentFirst = eventIds().length
    const second = await run()

    expect(sentFirst).toBe(first.events)
    expect(sentFirst).toBeGreaterThan(99)
    expect(sentFirst).toBeLessThan(1_000)
    expect(first.events + second.events).toBe(1_000)
    expect(new Set(eventIds()).size).toBe(1_000)
    expect(eventIds()).toHaveLength(1_000)
    expect([first.objects, second.objects]).toEqual([0, 1])
  })

  it('does not go back when it is stopped again before it got anywhere', async () => {
    await store.put('a.ndjson', gzipSync(linesOf('a', 1_000, 500)))
    let stopAt: string | null = topic
    let controller = new AbortController()
    kafka = createMemoryKafka({
      partitions,
      faults(name) {
        if (name === stopAt) controller.abort()
        return null
      },
    })

    const first = await run({ signal: controller.signal, checkpointLines: 100 })
    controller = new AbortController()
    stopAt = replayLedgerTopic
    const second = await run({ signal: controller.signal, checkpointLines: 100 })
    stopAt = null
    const third = await run()

    expect(first.lines).toBeGreaterThan(99)
    expect([second.lines, third.lines]).toEqual([0, 1_000 - first.lines])
    expect(eventIds()).toHaveLength(1_000)
  })

  it('leaves an object alone when retention has removed what a killed replay may have sent', async () => {
    await store.put('a.ndjson', Buffer.from(linesOf('a', 10)))
    kafka = createMemoryKafka({
      partitions,
      faults: (name) => (name === topic ? { storedPartitions: 1, outcome: 'killed' } : null),
    })
    await expect(run()).rejects.toThrow(Killed)
    for (const partition of [0, 1, 2]) {
      for (let count = 0; count < 20; count++) kafka.addForeign(topic, partition)
      kafka.expireBefore(topic, partition, 15)
    }

    const summary = await run()

    expect(summary).toMatchObject({ objects: 0, uncertain: ['a.ndjson'] })
  })

  it('leaves an object alone when the settings that made its events have changed since', async () => {
    await store.put('a.ndjson', Buffer.from(linesOf('a', 10)))
    let isFirst = true
    kafka = createMemoryKafka({
      partitions,
      faults(name) {
        if (name !== topic || !isFirst) return null
        isFirst = false
        return { storedPartitions: 1, outcome: 'killed' }
      },
    })
    await expect(run()).rejects.toThrow(Killed)

    const other = await run({ parsing: 'Europe/Berlin' })
    const same = await run()

    expect(other).toMatchObject({ objects: 0, uncertain: ['a.ndjson'] })
    expect(same).toMatchObject({ objects: 1, events: 10 })
    expect(eventIds()).toHaveLength(10)
  })
})

type Fault = SendFault | 'stop' | null

describe('whatever fails or stops, whenever', () => {
  const content = fc.record({
    lineCount: fc.integer({ min: 0, max: 400 }),
    padBytes: fc.constantFrom(0, 700, 1_500),
    isPacked: fc.boolean(),
  })
  const failure = fc.record({
    storedPartitions: fc.integer({ min: 0, max: 3 }),
    outcome: fc.constantFrom('unknown' as const, 'killed' as const),
  })
  const fault: fc.Arbitrary<Fault> = fc.oneof(
    { weight: 2, arbitrary: failure },
    { weight: 1, arbitrary: fc.constant('stop' as const) },
    { weight: 4, arbitrary: fc.constant(null) },
  )
  let stopper = new AbortController()

  it('each line is on the topic once, in the order of its object within a partition', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { minLength: 1, maxLength: 3 }),
        fc.array(fault, { maxLength: 40 }),
        fc.array(fc.constantFrom('unavailable' as const, undefined, undefined), { maxLength: 10 }),
        fc.constantFrom(15, 60, 150, 1_000),
        async (contents, sendFaults, storeFaults, checkpointLines) => {
          const expected = await arrange(contents, sendFaults, storeFaults)

          await replayUntilDone(checkpointLines)

          const letters = new Set(deadLetters().map(({ origin }) => origin))
          const records = kafka.records(topic)
          expect(eventIds().sort()).toEqual(expected.ids.sort())
          expect([...letters].sort()).toEqual(expected.letters.sort())
          for (const partition of [0, 1, 2]) {
            expectInOrder(records.flatMap((record) => (record.partition === partition ? record.value : [])))
          }
          for (let at = 0; at < contents.length; at++) expect(ledgerStatus(keyOf(at))).toBe('finished')
        },
      ),
      { numRuns: 200 },
    )
  }, 120_000)

  async function arrange(
    contents: { lineCount: number; padBytes: number; isPacked: boolean }[],
    sendFaults: Fault[],
    storeFaults: ('unavailable' | undefined)[],
  ): Promise<{ ids: string[]; letters: string[] }> {
    const expected = { ids: [] as string[], letters: [] as string[] }
    const nextFault = (): SendFault | null => {
      const next = sendFaults.shift() ?? null
      if (next !== 'stop') return next
      stopper.abort()
      return null
    }
    kafka = createMemoryKafka({ partitions, faults: nextFault })
    store = createMemoryStore({
      faults: (operation) => (operation === 'stream' ? storeFaults.shift() : undefined),
    })
    for (const [at, { lineCount, padBytes, isPacked }] of contents.entries()) {
      const texts = Array.from({ length: lineCount }, (_, index) => {
        const origin = `${keyOf(at)}#${index + 1}`
        const isBad = index % 17 === 5
        ;(isBad ? expected.letters : expected.ids).push(origin)
        return `${isBad ? 'bad' : line(origin, index % 7)}${' '.repeat(padBytes)}\n`
      })
      const bytes = Buffer.from(texts.join(''))
      await store.put(keyOf(at), isPacked ? gzipSync(bytes) : bytes)
    }
    return expected
  }

  /** Each run is a new process; a clock that moves with every look makes a send due with almost every slice. */
  async function replayUntilDone(checkpointLines: number): Promise<void> {
    for (let life = 0; life < 100; life++) {
      let nowMs = 0
      // A stop is orderly here: the time after which it would be cut short never comes.
      const sleep: Clock['sleep'] = (ms, signal) =>
        ms < 5_000
          ? Promise.resolve()
          : new Promise((wake) => signal?.addEventListener('abort', () => wake()))
      const clock: Clock = { nowMs: () => (nowMs += 60), sleep }
      stopper = new AbortController()
      try {
        await run({ checkpointLines, clock, signal: stopper.signal })
        if (!stopper.signal.aborted) return
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
    }
    throw new Error('never done')
  }

  function keyOf(at: number): string {
    return `object-${at}.ndjson`
  }

  function expectInOrder(values: string[]): void {
    const lastLine = new Map<string, number>()
    for (const value of values) {
      const [object = '', number = ''] = String(JSON.parse(value).event_id).split('#')
      expect(Number(number)).toBeGreaterThan(lastLine.get(object) ?? 0)
      lastLine.set(object, Number(number))
    }
  }
})

/** Lets the replay work and its clock move until the condition holds. */
async function until(condition: () => boolean, clock: { advance(ms: number): void }): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (condition()) return
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error('the condition never held')
}
