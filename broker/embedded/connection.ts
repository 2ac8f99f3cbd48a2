import type { Socket } from 'node:net'
import { errorMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { decodeRequestHeader, MalformedFrame, produce, type RequestHeader } from '../wire/index.ts'
import type { ApiTable } from './api-table.ts'
import { BadFrameLength, createFrameAssembler } from './frame-assembler.ts'
import type { MemoryBudget } from './memory-budget.ts'

/**
 * One client. Answers leave in the order of the requests; one request runs at a time, except that consecutive
 * Produce requests overlap (each appends in the tick it starts, so the log keeps their order), which lets their
 * writes and syncs be grouped. Reading stops while too much is queued, here or in the whole process.
 */
export interface Connection {
  /** Reads no more, gives running requests a moment to be answered, then closes. */
  close(graceMs: number): Promise<void>
}

export interface ConnectionParts {
  socket: Socket
  apis: ApiTable
  budget: MemoryBudget
  maxRequestBytes: number
  log: Logger
}

interface Request {
  header: RequestHeader
  bodyAt: number
  frame: Buffer
}

const maxQueuedRequests = 5
const maxQueuedBytes = 8 * 1024 * 1024
/** Only Produce has a reason to be larger. */
const maxOtherRequestBytes = 8 * 1024 * 1024
const silentPeerMs = 10 * 60_000

export function createConnection({
  socket,
  apis,
  budget,
  maxRequestBytes,
  log,
}: ConnectionParts): Connection {
  const assembler = createFrameAssembler(maxRequestBytes)
  const gone = new AbortController()
  const queue: Request[] = []
  let queuedBytes = 0
  let running = 0
  let onlyProduceRuns = true
  let draining = false
  let closing = false
  let waitsForBudget = false
  let answers: Promise<void> = Promise.resolve()

  socket.setNoDelay(true)
  socket.setTimeout(silentPeerMs, () => {
    if (running === 0) socket.destroy()
  })
  socket.on('error', () => {}) // 'close' follows, and says all we need
  socket.on('drain', () => {
    draining = false
    pump()
  })
  socket.on('close', () => {
    gone.abort()
    for (const request of queue.splice(0)) budget.give(request.frame.length)
  })
  socket.on('data', (chunk) => {
    try {
      for (const frame of assembler.push(chunk)) accept(frame)
    } catch (error) {
      return reject(error)
    }
    if (overFull()) {
      socket.pause()
      resume()
    }
    pump()
  })

  return {
    async close(graceMs) {
      closing = true
      socket.pause()
      for (const request of queue.splice(0)) budget.give(request.frame.length)
      let timer: NodeJS.Timeout | undefined
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs)
      })
      // Ends parked fetches; their empty answers still leave below.
      gone.abort()
      await Promise.race([answers, grace])
      clearTimeout(timer)
      if (!socket.destroyed) await endSocket(socket)
    },
  }

  function accept(frame: Buffer): void {
    const { header, bodyAt } = decodeRequestHeader(frame)
    if (header.apiKey !== produce.key && frame.length > maxOtherRequestBytes) {
      throw new MalformedFrame(`a request of ${frame.length} bytes that is not Produce`)
    }
    if (closing) return
    budget.take(frame.length)
    queuedBytes += frame.length
    queue.push({ header, bodyAt, frame })
  }

  function overFull(): boolean {
    return queue.length > maxQueuedRequests || queuedBytes > maxQueuedBytes || budget.exhausted
  }

  /** Reads on as soon as there is room again, here and in the whole process. */
  function resume(): void {
    const hasRoom = queue.length <= maxQueuedRequests / 2 && queuedBytes <= maxQueuedBytes / 2
    if (!hasRoom || closing || socket.destroyed || !socket.isPaused()) return
    if (!budget.exhausted) return void socket.resume()
    if (waitsForBudget) return
    waitsForBudget = true
    budget.whenRelieved(() => {
      waitsForBudget = false
      resume()
    })
  }

  /** Starts what may start. */
  function pump(): void {
    for (;;) {
      const next = queue[0]
      if (!next || draining || socket.destroyed || closing) return
      const isProduce = next.header.apiKey === produce.key
      if (running > 0 && !(isProduce && onlyProduceRuns)) return
      queue.shift()
      onlyProduceRuns = isProduce
      running++
      const work = start(next)
      answers = answers.then(() => finish(next, work))
    }
  }

  function start({ header, bodyAt, frame }: Request): Promise<Buffer[] | null> {
    return apis.serve(frame, bodyAt, header, {
      version: header.apiVersion,
      clientId: header.clientId ?? '',
      clientHost: `/${plainAddress(socket.remoteAddress)}`,
      localHost: plainAddress(socket.localAddress),
      localPort: socket.localPort ?? 0,
      signal: gone.signal,
    })
  }

  async function finish(request: Request, work: Promise<Buffer[] | null>): Promise<void> {
    let answerBytes = 0
    try {
      const chunks = await work
      for (const chunk of chunks ?? []) answerBytes += chunk.length
      if (chunks && !socket.destroyed) {
        budget.take(answerBytes)
        send(chunks, answerBytes)
      }
    } catch (error) {
      reject(error)
    }
    running--
    queuedBytes -= request.frame.length
    budget.give(request.frame.length)
    resume()
    pump()
  }

  function send(chunks: Buffer[], answerBytes: number): void {
    let pending = chunks.length
    socket.cork()
    for (const chunk of chunks) {
      socket.write(chunk, () => {
        // Called with an error too, when the socket dies first: the bytes are given back either way.
        pending--
        if (pending === 0) budget.give(answerBytes)
      })
    }
    socket.uncork()
    draining = socket.writableNeedDrain
  }

  function reject(error: unknown): void {
    if (socket.destroyed) return
    const peer = plainAddress(socket.remoteAddress)
    if (error instanceof BadFrameLength) {
      log.warn('not a kafka request', {
        peer,
        looksLike: guess(error.firstBytes),
        lengthBytes: error.lengthBytes,
      })
    } else if (error instanceof MalformedFrame) {
      log.warn('kafka request refused', { peer, reason: error.message })
    } else {
      log.error('kafka request failed', { peer, reason: errorMessage(error), error })
    }
    socket.destroy()
  }
}

/** IPv4 clients of a dual-stack listener show as `::ffff:10.0.0.1`, which other machines cannot connect to. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

function guess(firstBytes: Buffer): string {
  if (firstBytes[0] === 0x16 && firstBytes[1] === 0x03) return 'TLS: this listener is plaintext'
  if (/^(GET |POST|PUT |HEAD|OPTI)/.test(firstBytes.toString('latin1'))) return 'HTTP'
  return 'unknown'
}

function endSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.end(() => socket.destroy())
    setTimeout(() => socket.destroy(), 200).unref()
  })
}
