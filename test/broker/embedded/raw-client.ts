import { connect } from 'node:net'
import {
  type Api,
  createBatchEncoder,
  decodeResponse,
  encodeRequest,
  produce,
  type TypeOf,
} from '../../../broker/wire/index.ts'

/** Says exactly what a test wants said, valid or not, over one connection. */
export interface RawClient {
  /** `version`: the API's newest, unless told. Rejects when the broker closes the connection. */
  call<Request, Response>(api: Api<Request, Response>, body: Request, version?: number): Promise<Response>
  /** Bytes as they are; resolves to the next frame, without its length. */
  send(bytes: Uint8Array): Promise<Buffer>
  /** Resolves when the broker has closed the connection. */
  readonly closed: Promise<void>
  close(): void
}

export async function connectRaw({ host, port }: { host: string; port: number }): Promise<RawClient> {
  const socket = connect(port, host)
  const waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
  let received = Buffer.alloc(0)
  let correlationId = 0
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const end = 4 + received.readInt32BE(0)
      waiting.shift()?.resolve(Buffer.from(received.subarray(4, end)))
      received = received.subarray(end)
    }
  })
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const { reject } of waiting.splice(0)) reject(new Error('connection closed'))
      resolve()
    })
  })
  const send = (bytes: Uint8Array): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      socket.write(bytes)
    })
  return {
    send,
    closed,
    close: () => void socket.destroy(),
    async call(api, body, version = api.maxVersion) {
      const call = { version, correlationId: ++correlationId, clientId: 'raw', body }
      const wanted = call.correlationId
      const answer = decodeResponse(api, version, await send(Buffer.concat(encodeRequest(api, call))))
      if (answer.correlationId !== wanted) throw new Error('answers came in another order than the requests')
      return answer.body
    },
  }
}

export interface BatchOptions {
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  timestampMs?: number
}

export function batchOf(values: string[], options: BatchOptions = {}): Buffer {
  const { producerId = -1, producerEpoch = -1, baseSequence = -1, timestampMs = 1_000 } = options
  const encoder = createBatchEncoder(256)
  for (const value of values) encoder.add(timestampMs, null, Buffer.from(value))
  return encoder.finish({ producerId, producerEpoch, baseSequence })
}

type ProduceAnswer = TypeOf<(typeof produce)['response']>['topics'][number]['partitions'][number]

/** Appends to partition 0 and returns what was answered for it. */
export async function append(
  client: RawClient,
  topic: string,
  records: Buffer | null,
  { version = 7, acks = -1 } = {},
): Promise<ProduceAnswer> {
  const body = {
    transactionalId: null,
    acks,
    timeoutMs: 1_000,
    topics: [{ name: topic, partitions: [{ index: 0, records }] }],
  }
  const { topics } = await client.call(produce, body, version)
  const [answer] = topics[0]?.partitions ?? []
  if (!answer) throw new Error('no answer for the partition')
  return answer
}
