/**
 * Stands between a client and a broker and breaks connections on command. It speaks enough of the protocol to name
 * itself as every broker's address, so that a client stays with it.
 */
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import {
  type Api,
  decodeRequestHeader,
  decodeResponse,
  encodeResponse,
  findCoordinator,
  metadata,
} from '../../broker/wire/index.ts'
import type { SelfSigned } from './self-signed.ts'

export interface FaultyProxy {
  /** host:port */
  address: string
  /** Requests seen, by API key. */
  seen(apiKey: number): number
  /**
   * The next `times` requests of that API reach the broker, which carries them out; its answer is thrown away and the
   * client's connection with it.
   */
  loseAnswers(apiKey: number, times: number): void
  /** Breaks every connection and takes no new one until `restore`. */
  cut(): void
  restore(): void
  close(): Promise<void>
}

export async function startFaultyProxy(target: string, tls?: SelfSigned): Promise<FaultyProxy> {
  const [host = '', port = ''] = target.split(':')
  const sockets = new Set<Socket>()
  const seen = new Map<number, number>()
  const losses = new Map<number, number>()
  let isCut = false
  let proxyPort = 0

  const onConnection = (client: Socket): void => {
    if (isCut) {
      client.destroy()
      return
    }
    const broker = connect(Number(port), host)
    const underWay = new Map<number, { apiKey: number; apiVersion: number }>()
    const breakBoth = (): void => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', breakBoth)
      socket.on('close', () => {
        sockets.delete(socket)
        breakBoth()
      })
    }
    onFrames(client, (frame) => {
      const { header } = decodeRequestHeader(frame)
      seen.set(header.apiKey, (seen.get(header.apiKey) ?? 0) + 1)
      underWay.set(header.correlationId, header)
      broker.write(withLength(frame))
    })
    onFrames(broker, (frame) => {
      const request = underWay.get(frame.readInt32BE(0))
      underWay.delete(frame.readInt32BE(0))
      if (!request) return breakBoth()
      const { apiKey, apiVersion } = request
      const left = losses.get(apiKey) ?? 0
      if (left > 0) {
        losses.set(apiKey, left - 1)
        return breakBoth()
      }
      if (apiKey === metadata.key) {
        rewrite(metadata, apiVersion, frame, client, (body) => ({
          ...body,
          brokers: body.brokers.map((known) => ({ ...known, port: proxyPort })),
        }))
      } else if (apiKey === findCoordinator.key) {
        rewrite(findCoordinator, apiVersion, frame, client, (body) => ({ ...body, port: proxyPort }))
      } else client.write(withLength(frame))
    })
  }
  const server: Server = tls ? createTlsServer(tls, onConnection) : createTcpServer(onConnection)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxyPort = address.port

  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    address: `127.0.0.1:${proxyPort}`,
    seen: (apiKey) => seen.get(apiKey) ?? 0,
    loseAnswers: (apiKey, times) => void losses.set(apiKey, times),
    cut,
    restore() {
      isCut = false
    },
    async close() {
      cut()
      await new Promise((closed) => server.close(closed))
    },
  }
}

function rewrite<Request, Response>(
  api: Api<Request, Response>,
  version: number,
  frame: Buffer,
  to: Socket,
  change: (body: Response) => Response,
): void {
  const { correlationId, body } = decodeResponse(api, version, frame)
  to.write(Buffer.concat(encodeResponse(api, { version, correlationId, body: change(body) })))
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return Buffer.concat([length, frame])
}

function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let held = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const end = 4 + held.readInt32BE(0)
      onFrame(Buffer.from(held.subarray(4, end)))
      held = held.subarray(end)
    }
  })
}
