import { createServer, type Socket } from 'node:net'
import {
  type Api,
  apiVersions,
  decodeRequestBody,
  decodeRequestHeader,
  encodeResponse,
  metadata,
} from '../../../broker/wire/index.ts'

export interface ScriptedBroker {
  /** host:port */
  address: string
  /** Answers that API by a function from now on; null closes the connection instead. */
  on<Request, Response>(
    api: Api<Request, Response>,
    answer: (request: Request) => Response | null | Promise<Response | null>,
  ): void
  /** Requests seen of that API. */
  count(api: { key: number }): number
  close(): Promise<void>
}

/** A broker that says what a test tells it to: what happens among several brokers, or goes wrong, is hard to get from a real one. */
export async function startScriptedBroker(): Promise<ScriptedBroker> {
  const handlers = new Map<number, (frame: Buffer) => Promise<Buffer[] | null>>()
  const counts = new Map<number, number>()
  const sockets = new Set<Socket>()

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    let held = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const end = 4 + held.readInt32BE(0)
        void answer(socket, Buffer.from(held.subarray(4, end)))
        held = held.subarray(end)
      }
    })
  })
  const answer = async (socket: Socket, frame: Buffer): Promise<void> => {
    const { apiKey } = decodeRequestHeader(frame).header
    counts.set(apiKey, (counts.get(apiKey) ?? 0) + 1)
    const response = await handlers.get(apiKey)?.(frame)
    if (response) socket.write(Buffer.concat(response))
    else socket.destroy()
  }
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')

  const broker: ScriptedBroker = {
    address: `127.0.0.1:${bound.port}`,
    on(api, respond) {
      handlers.set(api.key, async (frame) => {
        const { header, bodyAt } = decodeRequestHeader(frame)
        const body = await respond(decodeRequestBody(api, header.apiVersion, frame, bodyAt))
        return (
          body &&
          encodeResponse(api, { version: header.apiVersion, correlationId: header.correlationId, body })
        )
      })
    },
    count: (api) => counts.get(api.key) ?? 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
  broker.on(apiVersions, () => ({
    errorCode: 0,
    throttleTimeMs: 0,
    apiKeys: Array.from({ length: 50 }, (_, apiKey) => ({ apiKey, minVersion: 0, maxVersion: 20 })),
  }))
  return broker
}

/** Makes the brokers a cluster with one topic, whose partitions are led by the broker at that index (-1: nobody). */
export function formCluster(
  brokers: readonly ScriptedBroker[],
  topic: string,
  leaders: () => readonly number[],
): void {
  const nodes = brokers.map(({ address }, nodeId) => {
    const [host = '', port] = address.split(':')
    return { nodeId, host, port: Number(port), rack: null }
  })
  for (const broker of brokers) {
    broker.on(metadata, () => ({
      throttleTimeMs: 0,
      brokers: nodes,
      clusterId: 'scripted',
      controllerId: 0,
      clusterAuthorizedOperations: 0,
      topics: [
        {
          errorCode: 0,
          name: topic,
          isInternal: false,
          topicAuthorizedOperations: 0,
          partitions: leaders().map((leaderId, partitionIndex) => ({
            errorCode: 0,
            partitionIndex,
            leaderId,
            leaderEpoch: 0,
            replicaNodes: [],
            isrNodes: [],
            offlineReplicas: [],
          })),
        },
      ],
    }))
  }
}
