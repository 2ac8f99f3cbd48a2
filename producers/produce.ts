/**
 * Lines from files or a pipe to the topic, once each time it is asked for: nothing is remembered, so the same file
 * twice makes its events twice, with the same ids.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createDeadLetters, deadLetterTopic, type KafkaClient, type Publisher } from '../broker/index.ts'
import type { EventParser } from '../events/index.ts'
import type { Clock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import { createLineIntake } from './line-intake.ts'
import { createLinePublisher, type LinePublisher } from './line-publisher.ts'
import { createLineCursor, defaultMaxLineBytes } from './lines.ts'
import { openText } from './text-source.ts'

export interface ProduceInput {
  /** `name#line` is the origin of a line, and the id of its event if it has none. */
  name: string
  open(signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface ProduceParts {
  client: KafkaClient
  openPublisher(topic: string): Promise<Publisher>
  parser: EventParser
  clock: Clock
  /** Stops reading; what was read is still sent. */
  signal: AbortSignal
}

export interface ProduceOptions {
  topic: string
  encoding: 'avro' | 'json'
  maxLineBytes?: number
}

/** All of it acknowledged. */
export interface ProduceSummary {
  /** Blank ones counted. */
  lines: number
  events: number
  deadLetters: number
}

/** A line typed by hand should not wait for a megabyte. */
const idleFlushMs = 200

export function fileInput(path: string): ProduceInput {
  return {
    name: path,
    async *open(signal) {
      try {
        yield* createReadStream(path, { signal, highWaterMark: 256 * 1024 })
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
          throw new SetupError(`there is no file ${path}: check the path`, error)
        }
        throw error
      }
    },
  }
}

/** Named apart from every other run, whose first line is another event. */
export function pipeInput(stream: Readable, runId: string = randomUUID()): ProduceInput {
  return {
    name: `stdin/${runId}`,
    open(signal) {
      const stop = (): void => {
        stream.destroy()
      }
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      return stream
    },
  }
}

export async function produce(
  inputs: readonly ProduceInput[],
  parts: ProduceParts,
  options: ProduceOptions,
): Promise<ProduceSummary> {
  const { client, openPublisher, parser, clock, signal } = parts
  const { topic, encoding, maxLineBytes = defaultMaxLineBytes } = options
  const partitions = (await client.partitions(topic)).length
  const publisher = await openPublisher(topic)
  const letterPublisher = await openPublisher(deadLetterTopic(topic))
  const lines = createLinePublisher(
    { publisher, deadLetters: createDeadLetters(letterPublisher), parser, clock },
    { encoding, stage: 'produce', partitions },
  )
  let lineCount = 0
  try {
    for (const input of inputs) {
      if (signal.aborted) break
      lineCount += await produceInput(input, lines)
    }
    await lines.flush()
    return { lines: lineCount, events: lines.events, deadLetters: lines.deadLetters }
  } finally {
    // After a failure there is nothing left to do with them; after success there is nothing left in them.
    for (const opened of [publisher, letterPublisher]) await opened.close().catch(() => {})
  }

  async function produceInput({ name, open }: ProduceInput, lines: LinePublisher): Promise<number> {
    const source = await openText(open(signal), { signal })
    const cursor = createLineCursor({ maxLineBytes })
    const intake = createLineIntake({ cursor, lines, name, maxLineBytes, isAtBeginning: true })
    const slices = source.slices[Symbol.asyncIterator]()
    let isWorthALook = true
    while (isWorthALook) {
      const next = slices.next()
      if (lines.hasPending && (await isIdle(next))) await lines.flush()
      const { done, value } = await next
      if (done) break
      cursor.push(value)
      isWorthALook = takeLines()
      await lines.relieve()
    }
    if (!isWorthALook) await slices.return?.()
    else if (source.damage !== null) intake.rejectTail(source.damage)
    else if (!signal.aborted) {
      // What the signal cut off would be no line.
      cursor.finish()
      takeLines()
    }
    return cursor.line

    function takeLines(): boolean {
      while (cursor.next()) if (!intake.take()) return false
      return true
    }
  }

  async function isIdle(next: Promise<unknown>): Promise<boolean> {
    const timer = new AbortController()
    try {
      const idle = clock.sleep(idleFlushMs, timer.signal).then(() => true)
      return await Promise.race([next.then(() => false), idle])
    } finally {
      timer.abort()
    }
  }
}
