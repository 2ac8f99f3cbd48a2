/**
 * One socket to one broker: frames out, frames in, matched by correlation id.
 *
 * When a request times out or a frame makes no sense the whole socket is given up: after either, nothing on it can be
 * told apart any more. Every request under way then fails with BrokerUnavailable, its outcome unknown.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { errorMessage, SetupError } from '../../runtime/errors.ts'
import { correlationIdOf } from '../wire/index.ts'
import { BrokerUnavailable } from './errors.ts'

export interface Transport {
  readonly isOpen: boolean
  /** Sends a frame and resolves with the answer of that correlation id. Waits while too many are under way. */
  send(frame: Buffer[], correlationId: number, timeoutMs: number): Promise<Buffer>
  close(reason?: string): void
}

export interface TransportOptions {
  /** host:port */
  address: string
  ssl: boolean | { ca: string }
  connectTimeoutMs: number
  /** Closes it, or ends the attempt to connect. */
  signal: AbortSignal
}

interface Waiting {
  resolve(frame: Buffer): void
  reject(error: unknown): void
  timer: NodeJS.Timeout
}

const closedHere = 'closed by this side'
const maxInFlight = 16
// Above any answer a sane broker gives; what a TLS or HTTP server says to us reads as far more.
const maxFrameBytes = 256 * 1024 * 1024

export async function openTransport(options: TransportOptions): Promise<Transport> {
  const { address, signal } = options
  const socket = await openSocket(options)
  const waiting = new Map<number, Waiting>()
  let queue: (() => void)[] = []
  let failure: BrokerUnavailable | null = null

  const fail = (reason: string, cause?: unknown): void => {
    if (failure) return
    failure = new BrokerUnavailable(`the connection to ${address} is gone: ${reason}`, cause)
    signal.removeEventListener('abort', close)
    socket.destroy()
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer)
      reject(failure)
    }
    waiting.clear()
    wakeQueue()
  }
  const close = (): void => fail(closedHere)
  const wakeQueue = (): void => {
    const woken = queue
    queue = []
    for (const wake of woken) wake()
  }
  const onFrame = (frame: Buffer): void => {
    const correlationId = correlationIdOf(frame)
    const request = waiting.get(correlationId)
    waiting.delete(correlationId)
    clearTimeout(request?.timer)
    if (request) request.resolve(frame)
    else fail('an answer came that nobody asked for')
    wakeQueue()
  }
  socket.on(
    'data',
    frameAssembler(onFrame, (reason) => fail(reason)),
  )
  socket.on('error', (error) => fail(errorMessage(error), error))
  socket.on('close', () => fail('the broker closed it'))
  signal.addEventListener('abort', close)
  if (signal.aborted) close()

  return {
    get isOpen() {
      return failure === null
    },
    async send(frame, correlationId, timeoutMs) {
      while (waiting.size >= maxInFlight && !failure) await new Promise<void>((wake) => queue.push(wake))
      if (failure) throw failure
      return new Promise<Buffer>((resolve, reject) => {
        const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
        waiting.set(correlationId, { resolve, reject, timer })
        socket.cork()
        for (const chunk of frame) socket.write(chunk)
        socket.uncork()
      })
    },
    close: (reason = closedHere) => fail(reason),
  }
}

/** Collects each frame in a buffer of its own: large answers are read in place for as long as their records are used. */
function frameAssembler(
  onFrame: (frame: Buffer) => void,
  onGarbage: (reason: string) => void,
): (chunk: Buffer) => void {
  const prefix = Buffer.alloc(4)
  let prefixBytes = 0
  let frame: Buffer | null = null
  let frameBytes = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (frame === null) {
        const taken = chunk.copy(prefix, prefixBytes, at)
        prefixBytes += taken
        at += taken
        if (prefixBytes < 4) return
        const length = prefix.readInt32BE(0)
        if (length < 4 || length > maxFrameBytes) return onGarbage('it does not speak the Kafka protocol')
        // Not from the shared pool: a slice of it would be kept alive by its neighbours.
        frame = Buffer.allocUnsafeSlow(length)
        frameBytes = 0
        prefixBytes = 0
      }
      const taken = chunk.copy(frame, frameBytes, at)
      frameBytes += taken
      at += taken
      if (frameBytes === frame.length) {
        const whole = frame
        frame = null
        onFrame(whole)
      }
    }
  }
}

function openSocket({ address, ssl, connectTimeoutMs, signal }: TransportOptions): Promise<Socket> {
  const { host, port } = splitAddress(address)
  return new Promise((resolve, reject) => {
    const socket = ssl
      ? connectTls({
          host,
          port,
          // A server name must not be an IP address (RFC 6066); the certificate is checked against it all the same.
          ...(isIP(host) === 0 && { servername: host }),
          ...(typeof ssl === 'object' && { ca: ssl.ca }),
        })
      : connectTcp({ host, port })
    const timer = setTimeout(() => {
      socket.destroy(new Error(`not connected within ${connectTimeoutMs} ms`))
    }, connectTimeoutMs)
    const stop = (): void => void socket.destroy(new Error(closedHere))
    const settled = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    signal.addEventListener('abort', stop)
    socket.once(ssl ? 'secureConnect' : 'connect', () => {
      settled()
      socket.removeAllListeners('error')
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 30_000)
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      settled()
      reject(connectError(address, error))
    })
  })
}

const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/

function connectError(address: string, error: NodeJS.ErrnoException): Error {
  if (untrusted.test(error.code ?? '')) {
    return new SetupError(
      `the TLS certificate of ${address} is not trusted (${error.message}). If it is your own authority's, start with NODE_EXTRA_CA_CERTS=/path/to/ca.pem.`,
      error,
    )
  }
  // A name with several addresses fails with an AggregateError, whose own message is empty.
  const why = error.message || error.code || 'unreachable'
  return new BrokerUnavailable(`no connection to ${address}: ${why}`, error)
}

export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const port = Number(address.slice(colon + 1))
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new SetupError(`${address} is not host:port`)
  }
  return { host, port }
}
