import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { errorMessage, SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { TableReader } from '../table/index.ts'
import { createApp } from './app.ts'
import { createTableSource } from './table-source.ts'

export interface ServeApiOptions {
  host: string
  /** 0: any free one. */
  port: number
  /** Asked until there is a table; null: none yet. */
  openTable: () => Promise<TableReader | null>
  log: Logger
  clock?: Clock
  /** How long `close` waits for answers under way. */
  graceMs?: number
}

export interface ApiServer {
  url: string
  port: number
  /** Takes no more requests, lets those under way end, and leaves no connection open. */
  close(): Promise<void>
}

/** @throws {SetupError} when the address cannot be listened on */
export async function serveApi(options: ServeApiOptions): Promise<ApiServer> {
  const { host, openTable, log, clock = systemClock, graceMs = 5_000 } = options
  const table = createTableSource({ openTable, clock, log })
  const handle = createApp({ table, log }).callback()
  let closing = false
  const connections = new Set<Socket>()
  const busy = new Set<Socket>()
  const server = createServer((request, response) => {
    const { socket } = request
    busy.add(socket)
    response.once('close', () => {
      busy.delete(socket)
      if (closing) socket.destroySoon()
    })
    if (closing) response.setHeader('connection', 'close')
    void handle(request, response)
  })
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  const port = await listen(server, host, options.port)
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    async close() {
      closing = true
      const closed = new Promise<void>((done) => server.close(() => done()))
      // Node's closeIdleConnections() spares those that have not asked anything yet.
      for (const socket of connections) if (!busy.has(socket)) socket.destroy()
      const impatience = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(impatience)
      await table.close()
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', (error) => fail(listenError(error, host, port)))
    server.listen({ host, port }, () => {
      const address = server.address()
      done(typeof address === 'object' && address ? address.port : port)
    })
  })
}

function listenError(error: Error, host: string, port: number): SetupError {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new SetupError(`port ${port} of ${host} is taken; stop what uses it, or set PORT`, error)
  }
  if (code === 'EACCES') return new SetupError(`port ${port} may not be used; set PORT above 1023`, error)
  return new SetupError(
    `cannot listen on ${host}:${port} (${errorMessage(error)}); check HOST and PORT`,
    error,
  )
}
