import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import type { ApiTable } from '../../../broker/embedded/api-table.ts'
import { createConnection } from '../../../broker/embedded/connection.ts'
import { createMemoryBudget, type MemoryBudget } from '../../../broker/embedded/memory-budget.ts'
import { findCoordinator, heartbeat, produce } from '../../../broker/wire/index.ts'
import { silentLogger } from '../../../runtime/log.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** The broker's end of a connection, answering as `serve` says, and the client's end. */
async function connectionTo(serve: ApiTable['serve'], budget: MemoryBudget = createMemoryBudget(1e9)) {
  let serverEnd: Socket | undefined
  const server = createServer((socket) => {
    serverEnd = socket
    createConnection({ socket, apis: { serve }, budget, maxRequestBytes: 1_000_000, log: silentLogger })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const client = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
  await vi.waitFor(() => expect(serverEnd).toBeDefined())
  cleanups.push(() => {
    client.destroy()
    server.close()
  })
  if (!serverEnd) throw new Error('not connected')
  return { client, serverEnd }
}

function requestFrame(apiKey: number, correlationId: number, bodyBytes = 0): Buffer {
  const frame = Buffer.alloc(14 + bodyBytes)
  frame.writeInt32BE(10 + bodyBytes, 0)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt32BE(correlationId, 8)
  frame.writeInt16BE(-1, 12)
  return frame
}

/** Many rounds of the event loop, in which whatever is not held back goes on. */
async function letItRun(): Promise<void> {
  for (let round = 0; round < 300; round++) await new Promise((resolve) => setImmediate(resolve))
}

it('prepares no further answer while the client does not read the last one', async () => {
  let served = 0
  const { client, serverEnd } = await connectionTo(async () => {
    served++
    return [Buffer.alloc(1_000_000)]
  })
  client.pause()
  for (let count = 0; count < 100; count++) client.write(requestFrame(findCoordinator.key, count))
  await vi.waitFor(() => expect(serverEnd.writableNeedDrain).toBe(true))
  await letItRun()
  const servedUnread = served

  let receivedBytes = 0
  client.on('data', (chunk) => {
    receivedBytes += chunk.length
  })
  client.resume()

  expect(servedUnread).toBeLessThan(20)
  await vi.waitFor(() => expect(receivedBytes).toBe(100_000_000), { timeout: 10_000 })
})

it('reads no further request while enough are queued', async () => {
  const released: (() => void)[] = []
  const { client, serverEnd } = await connectionTo(
    () => new Promise((resolve) => released.push(() => resolve([Buffer.alloc(4)]))),
  )
  for (let count = 0; count < 100; count++) client.write(requestFrame(findCoordinator.key, count, 200_000))
  await vi.waitFor(() => expect(serverEnd.isPaused()).toBe(true))
  await letItRun()

  expect(serverEnd.bytesRead).toBeLessThan(10_000_000)
})

it('reads no further request while all connections together hold too much', async () => {
  const budget = createMemoryBudget(1_000)
  budget.take(1_001)
  let served = 0
  const { client, serverEnd } = await connectionTo(async () => {
    served++
    return [Buffer.alloc(4)]
  }, budget)
  client.write(requestFrame(findCoordinator.key, 1))
  await vi.waitFor(() => expect(serverEnd.isPaused()).toBe(true))
  const before = served
  client.write(requestFrame(findCoordinator.key, 2))
  await letItRun()
  expect(served).toBe(before)

  budget.give(1_001)

  await vi.waitFor(() => expect(served).toBe(2))
})

it('runs one request at a time, but lets consecutive Produce requests overlap', async () => {
  const running: number[] = []
  const release = new Map<number, () => void>()
  const { client } = await connectionTo(
    (_frame, _at, { correlationId }) =>
      new Promise((resolve) => {
        running.push(correlationId)
        const answer = Buffer.alloc(4)
        answer.writeInt32BE(correlationId)
        release.set(correlationId, () => resolve([answer]))
      }),
  )
  const answered: number[] = []
  client.on('data', (chunk) => {
    for (let at = 0; at < chunk.length; at += 4) answered.push(chunk.readInt32BE(at))
  })
  const keys = [produce.key, produce.key, heartbeat.key, produce.key]
  client.write(Buffer.concat(keys.map((key, index) => requestFrame(key, index + 1))))
  await vi.waitFor(() => expect(running).toEqual([1, 2]))

  release.get(2)?.()
  await letItRun()
  expect([running, answered]).toEqual([[1, 2], []])
  release.get(1)?.()
  await vi.waitFor(() =>
    expect([running, answered]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]),
  )
  release.get(3)?.()
  await vi.waitFor(() => expect(running).toEqual([1, 2, 3, 4]))
})
