import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { FsyncPolicy } from '../../../../broker/embedded/disk/data-dir.ts'
import {
  createLogWriter,
  type LogWriter,
  type QueuedBatch,
} from '../../../../broker/embedded/disk/log-writer.ts'
import { createSlots } from '../../../../broker/embedded/disk/slots.ts'
import { createSparseIndex } from '../../../../broker/embedded/disk/sparse-index.ts'
import { temporaryDir } from './logs.ts'

interface Disk {
  writer: LogWriter
  syncs: { succeed(): void; fail(error: Error): void }[]
  failures: unknown[]
}

/** A log on a disk whose every sync ends when the test says so. */
async function slowDisk(fsync: FsyncPolicy): Promise<Disk> {
  const path = join(await temporaryDir(), 'a.log')
  const handle = await open(path, 'w+')
  onTestFinished(() => handle.close().catch(() => {}))
  const syncs: Disk['syncs'] = []
  const failures: unknown[] = []
  const segment = {
    baseOffset: 0,
    path,
    createdMs: 0,
    index: createSparseIndex(0),
    byteLength: 0,
    nextOffset: 0,
  }
  const writer = createLogWriter({
    name: 'clicks/0',
    fsync,
    active: { segment, handle },
    syncSlots: createSlots(1),
    sync: () => new Promise((succeed, fail) => syncs.push({ succeed, fail })),
    mustRoll: () => false,
    roll: () => Promise.reject(new Error('never asked to')),
    onReadable: () => {},
    onFailure: (error) => failures.push(error),
  })
  return { writer, syncs, failures }
}

const one = (baseOffset: number): QueuedBatch => ({
  bytes: Buffer.from('batch'),
  baseOffset,
  nextOffset: baseOffset + 1,
  maxTimestampMs: 0,
})

const until = (condition: () => boolean): Promise<void> =>
  expect.poll(condition, { interval: 2, timeout: 20_000 }).toBe(true)

it('acknowledges what is written but shows only what is durable, with fsync interval', async () => {
  const { writer, syncs } = await slowDisk('interval')
  await writer.write(one(0))
  await until(() => syncs.length === 1)
  // Comes too late for the sync that runs already.
  await writer.write(one(1))
  expect(writer.highWatermark).toBe(0)

  syncs[0]?.succeed()
  await until(() => syncs.length === 2)

  expect(writer.highWatermark).toBe(1)
  syncs[1]?.succeed()
  await until(() => writer.highWatermark === 2)
})

it('acknowledges only what is durable, many at a time, with fsync always', async () => {
  const { writer, syncs } = await slowDisk('always')
  let acknowledged = 0
  const write = (offset: number): Promise<void> => writer.write(one(offset)).then(() => void acknowledged++)
  const writes = [write(0)]
  await until(() => syncs.length === 1)
  writes.push(write(1), write(2), write(3))

  expect(acknowledged).toBe(0)
  syncs[0]?.succeed()
  await until(() => syncs.length === 2)
  expect(acknowledged).toBe(1)
  syncs[1]?.succeed()
  await Promise.all(writes)

  expect(writer.highWatermark).toBe(4)
  expect(syncs).toHaveLength(2)
})

it.each(['interval', 'always'] as const)(
  'never syncs again after a failed sync, with fsync %s',
  async (fsync) => {
    const { writer, syncs, failures } = await slowDisk(fsync)
    const first = writer.write(one(0)).catch((error: unknown) => error)
    await until(() => syncs.length === 1)

    syncs[0]?.fail(new Error('EIO'))
    await until(() => failures.length === 1)

    await expect(writer.write(one(1))).rejects.toMatchObject({ kafkaError: 56 })
    await expect(writer.settled()).rejects.toMatchObject({ kafkaError: 56 })
    if (fsync === 'always') expect(await first).toMatchObject({ kafkaError: 56 })
    await writer.close()
    expect(writer.highWatermark).toBe(0)
    expect(syncs).toHaveLength(1)
    expect(failures).toHaveLength(1)
  },
)

it('syncs at once for one who waits to see its own writes', async () => {
  const { writer, syncs } = await slowDisk('interval')
  await writer.write(one(0))

  const settled = writer.settled()
  await until(() => syncs.length === 1)
  syncs[0]?.succeed()
  await settled

  expect(writer.highWatermark).toBe(1)
})

it('refuses what is queued when it is discarded', async () => {
  const { writer } = await slowDisk('never')
  const queued = writer.write(one(0))

  await Promise.all([expect(queued).rejects.toMatchObject({ kafkaError: 3 }), writer.discard()])
})

it('never syncs a file again that is durable already, for it may be about to be closed', async () => {
  const { writer, syncs } = await slowDisk('interval')
  await writer.write(one(0))
  const first = writer.settled()
  await until(() => syncs.length === 1)
  await writer.write(one(1))
  const second = writer.settled()
  syncs[0]?.succeed()
  await until(() => syncs.length === 2)
  const third = writer.settled()
  syncs[1]?.succeed()

  await Promise.all([first, second, third])

  expect(syncs).toHaveLength(2)
  expect(writer.highWatermark).toBe(2)
})
