import { createServer, type Server, type Socket } from 'node:net'
import { SetupError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { ApiTable } from './api-table.ts'
import { type Connection, createConnection } from './connection.ts'
import { createMemoryBudget } from './memory-budget.ts'

export interface KafkaServer {
  readonly host: string
  readonly port: number
  /** No new connections from here on. */
  stopAccepting(): void
  /** Answers what is running, then closes every connection. */
  close(): Promise<void>
}

export interface ServerOptions {
  host: string
  /** 0: any free one. */
  port: number
  apis: ApiTable
  maxConnections: number
  maxRequestBytes: number
  /** Of requests and responses in memory, over all connections. */
  maxBufferedBytes: number
  log: Logger
}

const closeGraceMs = 5_000

/** @throws {SetupError} when the address is taken or not ours */
export async function listen(options: ServerOptions): Promise<KafkaServer> {
  const { apis, log, maxRequestBytes, maxConnections } = options
  const budget = createMemoryBudget(options.maxBufferedBytes)
  const connections = new Map<Socket, Connection>()
  const server = createServer((socket) => {
    connections.set(socket, createConnection({ socket, apis, budget, maxRequestBytes, log }))
    socket.once('close', () => connections.delete(socket))
  })
  server.maxConnections = maxConnections
  server.on('drop', () => log.warn('connection refused, too many', { maxConnections }))
  await bind(server, options)
  server.on('error', (error) => log.error('listener failed', { error }))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has an address')
  let closed: Promise<void> | null = null
  const stopAccepting = (): void => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve())
    })
  }
  return {
    host: address.address,
    port: address.port,
    stopAccepting,
    async close() {
      stopAccepting()
      await Promise.all([...connections.values()].map((connection) => connection.close(closeGraceMs)))
      await closed
    },
  }
}

function bind(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${host}:${port} (${cause.message}); free the port or set another one`
      reject(new SetupError(message, cause))
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}
