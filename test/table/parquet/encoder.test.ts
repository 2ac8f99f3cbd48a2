import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parquetMetadata } from 'hyparquet'
import { afterEach, describe, expect, it } from 'vitest'
import type { EncodeJob } from '../../../table/parquet/encode-job.ts'
import { createWorkerEncoder, type Encoder } from '../../../table/parquet/encoder.ts'

const root = resolve(import.meta.dirname, '../../..')
const encoders: Encoder[] = []
afterEach(async () => {
  await Promise.all(encoders.splice(0).map((encoder) => encoder.close()))
})

describe('the thread', () => {
  it('encodes real Parquet, and takes the arrays of the job without a copy', {
    timeout: 60_000,
  }, async () => {
    const dist = await mkdtemp(join(tmpdir(), 'dataflow-encoder-'))
    try {
      compileTo(dist)
      await symlink(join(root, 'node_modules'), join(dist, 'node_modules'))
      const encoder = opened({ entry: pathToFileURL(join(dist, 'table/parquet/encode-worker.js')) })
      const job = jobOf(3)

      const bytes = await encoder.encode(job)

      expect(Number(parquetMetadata(new Uint8Array(bytes).buffer).num_rows)).toBe(3)
      expect(job.columns.map((column) => ('values' in column ? column.values.length : null))).toEqual([0])
      await expect(encoder.encode(halfALong)).rejects.toThrow('cannot encode Parquet')
    } finally {
      await rm(dist, { recursive: true })
    }
  })

  it('is started anew after it died; the jobs it had can be tried again', async () => {
    const encoder = opened({ entry: thread(`if (job.length === 0) process.exit(3); reply(job.length)`) })

    const [lost, alsoLost] = [encoder.encode(jobOf(0)), encoder.encode(jobOf(1))]

    await expect(lost).rejects.toMatchObject({ code: 'ENCODER_FAILED', remedy: 'retry' })
    await expect(alsoLost).rejects.toMatchObject({ code: 'ENCODER_FAILED', remedy: 'retry' })
    expect(await encoder.encode(jobOf(5))).toEqual(Uint8Array.of(5))
  })

  it('fails jobs that wait in vain for a thread that cannot start', async () => {
    const encoder = opened({
      entry: new URL('data:text/javascript,throw new Error("no wasm")'),
      maxInFlight: 1,
    })

    const results = await Promise.allSettled([1, 2, 3].map((length) => encoder.encode(jobOf(length))))

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  })

  it('has no more jobs at a time than it may, and does all of them in order', async () => {
    const encoder = opened({
      entry: thread(`held.push(job.length); setImmediate(() => reply(held.length, held.shift()))`),
      maxInFlight: 2,
    })

    const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((length) => encoder.encode(jobOf(length))))

    expect(replies.map(([, length]) => length)).toEqual([1, 2, 3, 4, 5, 6])
    expect(Math.max(...replies.map(([atATime]) => atATime ?? 0))).toBeLessThanOrEqual(2)
  })

  it('leaves no job hanging when it is closed', async () => {
    const encoder = opened({ entry: thread(`/* never replies */`), maxInFlight: 1 })
    const jobs = [1, 2, 3].map((length) => encoder.encode(jobOf(length)))

    const [results] = await Promise.all([Promise.allSettled(jobs), encoder.close()])

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await expect(encoder.encode(jobOf(4))).rejects.toThrow('closed')
  })
})

function opened(options: Parameters<typeof createWorkerEncoder>[0]): Encoder {
  const encoder = createWorkerEncoder(options)
  encoders.push(encoder)
  return encoder
}

/** A thread that does `body` with each job. */
function thread(body: string): URL {
  const source = `import { parentPort } from 'node:worker_threads'
    const held = []
    parentPort.on('message', ({ id, job }) => {
      const reply = (...numbers) => parentPort.postMessage({ id, bytes: Uint8Array.from(numbers) })
      ${body}
    })`
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`)
}

const halfALong: EncodeJob = {
  length: 1,
  columns: [{ kind: 'long', name: 'n', values: Float64Array.of(0.5) }],
}

function jobOf(length: number): EncodeJob {
  return { length, columns: [{ kind: 'integer', name: 'n', values: new Int32Array(length) }] }
}

/** A thread cannot load TypeScript on Node 20: the build's compiler makes what it loads. */
function compileTo(outDir: string): void {
  const options = [
    '--noEmit',
    'false',
    '--rewriteRelativeImportExtensions',
    '--rootDir',
    root,
    '--outDir',
    outDir,
  ]
  const flags = [
    '--target',
    'es2023',
    '--module',
    'nodenext',
    '--types',
    'node',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
  ]
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const entry = join(root, 'table/parquet/encode-worker.ts')
  const { status, stdout } = spawnSync(
    process.execPath,
    [compiler, '--ignoreConfig', ...options, ...flags, entry],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`tsc: ${stdout}`)
}
