import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { allRecords, oneLog, temporaryDir } from './logs.ts'

const root = resolve(import.meta.dirname, '../../../..')
let compiled = ''

// Node 20 cannot run TypeScript, so the child is compiled: inside node_modules, where its imports are found.
beforeAll(async () => {
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true })
  compiled = await mkdtemp(join(root, 'node_modules/.cache/dataflow-kill-'))
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      rewriteRelativeImportExtensions: true,
      rootDir: root,
      outDir: compiled,
      noCheck: true,
    },
    include: [],
    files: [join(import.meta.dirname, 'append-forever.ts'), join(root, 'broker/wire/codec-modules.d.ts')],
  }
  await writeFile(join(compiled, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}')
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-p', join(compiled, 'tsconfig.json')])
}, 60_000)

afterAll(() => rm(compiled, { recursive: true, force: true }))

/** Lets the child append until it has acknowledged so many batches, then kills it. @returns what it acknowledged */
async function runAndKill(dir: string, batches: number): Promise<Map<number, string>> {
  const script = join(compiled, 'test/broker/embedded/disk/append-forever.js')
  const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((done) => child.once('exit', done))
  const acknowledged = new Map<number, string>()
  for await (const line of createInterface({ input: child.stdout })) {
    const [offset, value] = line.split(' ')
    if (offset && value) acknowledged.set(Number(offset), value)
    if (acknowledged.size >= batches) child.kill('SIGKILL')
  }
  await exited
  return acknowledged
}

it('has every acknowledged batch in its place after a SIGKILL in the middle of appends (D1)', async () => {
  const dir = await temporaryDir()
  const acknowledged = new Map<number, string>()

  for (const batches of [1, 37, 150, 400]) {
    for (const [offset, value] of await runAndKill(dir, batches)) {
      expect(acknowledged.has(offset)).toBe(false)
      acknowledged.set(offset, value)
    }
  }

  const log = await oneLog(dir, { segmentBytes: 200_000 })
  const records = await allRecords(log)
  expect(acknowledged.size).toBeGreaterThan(580)
  expect(records.length).toBe(log.highWatermark)
  const lost = [...acknowledged].filter(
    ([offset, value]) => !records[offset]?.startsWith(`${offset}=${value}`),
  )
  expect(lost).toEqual([])
})
