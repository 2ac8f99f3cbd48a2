import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { InvalidKey, type ObjectStore, openStore } from '../../storage/index.ts'
import { bytes, keys, text } from '../contracts/object-store.ts'

let root = ''
let store: ObjectStore
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dataflow-file-'))
  store = await openStore(`file:${root}`)
})
afterEach(() => rm(root, { recursive: true, force: true }))

it('keeps an object in the file of its name, for other tools to read', async () => {
  await store.put('event_type=a%2Fb/part 1.parquet', bytes('hello'))

  expect(await readFile(join(root, 'event_type=a%2Fb/part 1.parquet'), 'utf8')).toBe('hello')
  expect(store.url).toBe(`file:${root}/`)
})

it('leaves nothing staged behind, whether a write won or lost', async () => {
  await store.put('a', bytes('x'))
  await store.putIfAbsent('b', bytes('x'))
  await store.putIfAbsent('b', bytes('y')).catch(() => {})

  expect((await readdir(root)).sort()).toEqual(['a', 'b'])
})

it('does not list what a crashed writer staged, and sweeps it once it is old', async () => {
  const old = join(root, '.tmp-00000000-0000-4000-8000-000000000000')
  const young = join(root, '.tmp-00000000-0000-4000-8000-000000000001')
  const foreign = join(root, '.tmp-mine')
  for (const path of [old, young, foreign]) await writeFile(path, 'half')
  for (const path of [old, foreign]) await utimes(path, 1, 1)

  expect(await keys(store.list())).toEqual([])
  await store.put('key', bytes('x'))

  expect((await readdir(root)).sort()).toEqual([
    '.tmp-00000000-0000-4000-8000-000000000001',
    '.tmp-mine',
    'key',
  ])
})

it('is empty before its folder exists, and makes it with the first write', async () => {
  const nested = await openStore(`file:${root}/not/yet`)

  expect(await keys(nested.list())).toEqual([])
  await nested.delete('key')
  await nested.putIfAbsent('key', bytes('x'))

  expect(await text(nested, 'key')).toBe('x')
})

it('makes a folder again that was removed under it', async () => {
  await store.put('folder/a', bytes('x'))
  await rm(join(root, 'folder'), { recursive: true })

  await expect(store.put('folder/b', bytes('x'))).rejects.toMatchObject({ remedy: 'retry' })
  await store.put('folder/b', bytes('x'))

  expect(await keys(store.list())).toEqual(['folder/b'])
})

it('refuses keys that the file system cannot hold beside those it has', async () => {
  await store.put('object', bytes('x'))
  await store.put('folder/object', bytes('x'))

  await expect(store.put('object/below', bytes('x'))).rejects.toThrow(InvalidKey)
  await expect(store.putIfAbsent('object/below/more', bytes('x'))).rejects.toThrow(InvalidKey)
  await expect(store.put('folder', bytes('x'))).rejects.toThrow(InvalidKey)
  await expect(store.put('n'.repeat(300), bytes('x'))).rejects.toThrow(InvalidKey)
})

it('follows links, but not round in circles', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'dataflow-linked-'))
  try {
    await writeFile(join(elsewhere, 'far'), 'x')
    await mkdir(join(root, 'folder'))
    await symlink(elsewhere, join(root, 'folder', 'linked'))
    await symlink(join(elsewhere, 'far'), join(root, 'file'))
    await symlink(root, join(root, 'folder', 'up'))
    await symlink(join(root, 'gone'), join(root, 'dangling'))

    expect(await keys(store.list())).toEqual(['file', 'folder/linked/far'])
  } finally {
    await rm(elsewhere, { recursive: true })
  }
})

it('tells a replaced object from its forerunner of the same size', async () => {
  await store.put('key', bytes('aaaa'))
  await utimes(join(root, 'key'), 1_000, 1_000)
  const before = await store.head('key')

  await store.put('key', bytes('bbbb'))

  expect(before.modifiedMs).toBe(1_000_000)
  expect((await store.head('key')).etag).not.toBe(before.etag)
})
