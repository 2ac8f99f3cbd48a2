import type { Logger } from '../../../runtime/log.ts'
import { fetch, kafkaError, type TypeOf } from '../../wire/index.ts'
import type { PartitionLog, ReadLimit } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Topics } from '../topics.ts'
import { untilReadable } from './long-poll.ts'
import { readErrorCode } from './read-errors.ts'

type FetchRequest = TypeOf<(typeof fetch)['request']>
type FetchAnswer = TypeOf<(typeof fetch)['response']>
type PartitionAnswer = FetchAnswer['topics'][number]['partitions'][number]
type PartitionRequest = FetchRequest['topics'][number]['partitions'][number]

/** However much a client asks for. */
const maxAnswerBytes = 50 * 1024 * 1024
const readCommitted = 1

/** Whole batches from the one that holds the wanted offset; waits until there are enough of them. */
export function fetchEndpoint(topics: Topics, log: Logger): Endpoint {
  return endpoint(fetch, async (request, { signal }) => {
    // We keep no sessions. One that is under way belongs to the broker before a restart: the client starts anew.
    if (request.sessionId !== 0 && request.sessionEpoch > 0) {
      return answer([], kafkaError.FETCH_SESSION_ID_NOT_FOUND)
    }
    const upTo: ReadLimit = request.isolationLevel === readCommitted ? 'lso' : 'hw'
    await untilReadable({
      minBytes: request.minBytes,
      maxWaitMs: request.maxWaitMs,
      signal,
      logs: () => requestedLogs(topics, request),
      readableBytes: () => readableBytes(topics, request, upTo),
    })
    return build({ topics, log }, request, upTo)
  })
}

async function build(
  { topics, log: logger }: { topics: Topics; log: Logger },
  request: FetchRequest,
  upTo: ReadLimit,
): Promise<FetchAnswer> {
  const answers: FetchAnswer['topics'] = []
  let leftBytes = Math.min(request.maxBytes, maxAnswerBytes)
  let isFirst = true
  // Partitions in the client's order, which it rotates for fairness.
  for (const { topic, partitions } of request.topics) {
    const partitionAnswers: PartitionAnswer[] = []
    for (const wanted of partitions) {
      const log = topics.partition(topic, wanted.partition)
      const limits = { maxBytes: Math.min(wanted.partitionMaxBytes, leftBytes), mayExceed: isFirst, upTo }
      const part = await readPartition(log, wanted, limits).catch((error: unknown) =>
        refused(wanted.partition, readErrorCode(error, { topic, partition: wanted.partition, log: logger })),
      )
      const gotBytes = part.records?.length ?? 0
      if (gotBytes > 0) isFirst = false
      leftBytes -= gotBytes
      partitionAnswers.push(part)
    }
    answers.push({ topic, partitions: partitionAnswers })
  }
  return answer(answers, kafkaError.NONE)
}

async function readPartition(
  log: PartitionLog | undefined,
  { partition, fetchOffset, currentLeaderEpoch }: PartitionRequest,
  limits: { maxBytes: number; mayExceed: boolean; upTo: ReadLimit },
): Promise<PartitionAnswer> {
  if (!log) return refused(partition, kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
  if (currentLeaderEpoch > 0) return refused(partition, kafkaError.UNKNOWN_LEADER_EPOCH)
  if (isOutOfRange(log, fetchOffset)) return refused(partition, kafkaError.OFFSET_OUT_OF_RANGE)
  const { upTo, maxBytes, mayExceed } = limits
  const { highWatermark, lastStableOffset, logStartOffset } = log
  // The first batch of the answer is sent whatever its size, or a client with a small limit would never get on.
  const got =
    maxBytes > 0 || mayExceed ? await log.read(fetchOffset, Math.max(maxBytes, 1), { upTo }) : noRecords
  return {
    partition,
    errorCode: kafkaError.NONE,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions: upTo === 'lso' ? [] : null,
    preferredReadReplica: -1,
    records: got.length > maxBytes && !mayExceed ? noRecords : got,
  }
}

function refused(partition: number, errorCode: number): PartitionAnswer {
  return {
    partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: null,
  }
}

const noRecords = Buffer.alloc(0)

/** Infinite as soon as one partition has an error to tell. */
function readableBytes(topics: Topics, request: FetchRequest, upTo: ReadLimit): number {
  let bytes = 0
  for (const { topic, partitions } of request.topics) {
    for (const { partition, fetchOffset, currentLeaderEpoch } of partitions) {
      const log = topics.partition(topic, partition)
      const isError = !log || currentLeaderEpoch > 0 || isOutOfRange(log, fetchOffset)
      bytes += isError ? Number.POSITIVE_INFINITY : log.readableBytes(fetchOffset, { upTo })
    }
  }
  return bytes
}

/** Between the high watermark and the log's end lies what is written but not durable yet: empty, not an error. */
function isOutOfRange(log: PartitionLog, offset: number): boolean {
  return offset < log.logStartOffset || offset > log.logEndOffset
}

function requestedLogs(topics: Topics, request: FetchRequest): PartitionLog[] {
  return request.topics
    .flatMap(({ topic, partitions }) => partitions.map(({ partition }) => topics.partition(topic, partition)))
    .filter((log) => log !== undefined)
}

function answer(topics: FetchAnswer['topics'], errorCode: number): FetchAnswer {
  return { throttleTimeMs: 0, errorCode, sessionId: 0, topics }
}
