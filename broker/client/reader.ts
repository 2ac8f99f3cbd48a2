/**
 * Reads raw record batches from positions that the caller holds; it remembers none itself.
 *
 * One request is in flight per leader. `fetch` returns as soon as one leader has answered; the others' requests stay
 * under way and serve the next call, as long as that asks for the same positions. So calling early is prefetching.
 */
import { AppError, errorMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { fetch as fetchApi, kafkaError, type RecordBatch, type TypeOf } from '../wire/index.ts'
import type { Cluster } from './cluster.ts'
import { BrokerUnavailable, KafkaError } from './errors.ts'
import { readBatches } from './fetched-batches.ts'

export interface ReaderOptions {
  topic: string
  /** Of one answer, shared evenly by the partitions; a larger batch still comes whole. */
  maxBytes: number
  /** How long a broker holds a request back while it has nothing new. */
  maxWaitMs: number
  isolation: 'read_committed' | 'read_uncommitted'
}

export interface Reader {
  /**
   * What follows each position. A partition that is missing from the answer has not been heard of yet.
   * Broker trouble is told per partition; this does not wait or try again by itself, but the next call does.
   */
  fetch(positions: ReadonlyMap<number, number>): Promise<FetchedPartition[]>
  close(): Promise<void>
}

export type FetchedPartition =
  | {
      kind: 'records'
      partition: number
      /** Records at or after the position. Aborted and control batches are left out. */
      batches: RecordBatch[]
      /** Where to read on: past aborted and control batches too, so it may move without any record. */
      nextOffset: number
      highWatermark: number
      /** What read_committed may see ends here. */
      lastStableOffset: number
      logStartOffset: number
    }
  | { kind: 'out_of_range'; partition: number }
  | { kind: 'unavailable'; partition: number; error: AppError }

interface InFlight {
  positions: ReadonlyMap<number, number>
  answer: Promise<void>
  settled: FetchedPartition[] | null
}

type PartitionAnswer = TypeOf<typeof fetchApi.response>['topics'][number]['partitions'][number]

const answerGraceMs = 30_000
// Below this a partition's share would make most answers a single small batch.
const minPartitionBytes = 64 * 1024

export function createReader(cluster: Cluster, options: ReaderOptions, log: Logger): Reader {
  const { topic, maxBytes, maxWaitMs, isolation } = options
  const pool = cluster.openPool()
  const inFlight = new Map<string, InFlight>()
  let rotation = 0

  const fetchFrom = async (
    address: string,
    positions: ReadonlyMap<number, number>,
  ): Promise<FetchedPartition[]> => {
    const connection = await pool.to(address)
    const partitions = rotated([...positions], rotation++)
    const answer = await connection.call(
      fetchApi,
      {
        replicaId: -1,
        maxWaitMs,
        minBytes: 1,
        maxBytes,
        isolationLevel: isolation === 'read_committed' ? 1 : 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic,
            partitions: partitions.map(([partition, fetchOffset]) => ({
              partition,
              currentLeaderEpoch: -1,
              fetchOffset,
              logStartOffset: -1,
              partitionMaxBytes: Math.max(minPartitionBytes, Math.ceil(maxBytes / partitions.length)),
            })),
          },
        ],
        forgottenTopics: [],
        rackId: '',
      },
      { timeoutMs: maxWaitMs + answerGraceMs },
    )
    if (answer.errorCode !== kafkaError.NONE) throw new KafkaError(`fetch from ${topic}`, answer.errorCode)
    const answers = answer.topics.flatMap((found) => found.partitions)
    return answers.map((found) => fetched(found, positions.get(found.partition) ?? 0))
  }

  const fetched = (answer: PartitionAnswer, position: number): FetchedPartition => {
    const { partition, errorCode, highWatermark, lastStableOffset, logStartOffset } = answer
    if (errorCode === kafkaError.OFFSET_OUT_OF_RANGE) return { kind: 'out_of_range', partition }
    if (errorCode !== kafkaError.NONE) {
      return unavailable(partition, new KafkaError(`partition ${partition} of ${topic}`, errorCode))
    }
    const read = readBatches(answer, { position, isolation })
    // What came before a damaged batch is good; the next fetch starts at the damage and tells it.
    if (read.damage && read.nextOffset === position) return unavailable(partition, read.damage)
    const { batches, nextOffset } = read
    return {
      kind: 'records',
      partition,
      batches,
      nextOffset,
      highWatermark,
      lastStableOffset,
      logStartOffset,
    }
  }

  const unavailable = (partition: number, error: AppError): FetchedPartition => {
    cluster.forgetLeaders(topic)
    log.debug('partition unavailable', { topic, partition, error: errorMessage(error) })
    return { kind: 'unavailable', partition, error }
  }

  const start = (address: string, positions: ReadonlyMap<number, number>): InFlight => {
    const before = inFlight.get(address)
    const entry: InFlight = { positions, settled: null, answer: Promise.resolve() }
    const ask = async (): Promise<void> => {
      // An outdated request must end first: there is never more than one answer's memory per leader.
      await before?.answer
      try {
        entry.settled = await fetchFrom(address, positions)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        entry.settled = [...positions.keys()].map((partition) => unavailable(partition, error))
      }
    }
    entry.answer = ask()
    inFlight.set(address, entry)
    return entry
  }

  return {
    async fetch(positions) {
      const results: FetchedPartition[] = []
      const byLeader = new Map<string, Map<number, number>>()
      const leaders = await cluster.leaders(topic).catch((error: unknown) => {
        if (error instanceof AppError) return error
        throw error
      })
      for (const [partition, position] of positions) {
        if (leaders instanceof AppError) {
          results.push(unavailable(partition, leaders))
          continue
        }
        const address = leaders.get(partition) ?? null
        if (address === null) {
          const error = new BrokerUnavailable(`partition ${partition} of ${topic} has no leader`)
          results.push(unavailable(partition, error))
          continue
        }
        const led = byLeader.get(address) ?? new Map<number, number>()
        byLeader.set(address, led.set(partition, position))
      }
      const entries = [...byLeader].map(([address, wanted]) => {
        const known = inFlight.get(address)
        return {
          address,
          entry: known && samePositions(known.positions, wanted) ? known : start(address, wanted),
        }
      })
      if (results.length === 0 && entries.length > 0)
        await Promise.race(entries.map(({ entry }) => entry.answer))
      for (const { address, entry } of entries) {
        if (entry.settled === null) continue
        results.push(...entry.settled)
        if (inFlight.get(address) === entry) inFlight.delete(address)
      }
      return results
    },
    async close() {
      pool.close()
      await Promise.allSettled([...inFlight.values()].map(({ answer }) => answer))
      inFlight.clear()
    },
  }
}

function samePositions(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([partition, position]) => b.get(partition) === position)
}

/** A broker fills its answer in the order of the request: each partition gets its turn to be the first. */
function rotated<T>(items: T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
