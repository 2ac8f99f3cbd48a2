import { expect, it } from 'vitest'
import {
  compareKeys,
  InvalidKey,
  ObjectExists,
  type ObjectInfo,
  ObjectNotFound,
  type ObjectStore,
  probeConditionalWrites,
} from '../../storage/index.ts'

/** What every ObjectStore promises. `open` gives an empty store. */
export function objectStoreContract(open: () => Promise<ObjectStore>): void {
  it('gives back what was put', async () => {
    const store = await open()

    await store.put('a/b/c.bin', bytes('hello'))

    expect(await text(store, 'a/b/c.bin')).toBe('hello')
  })

  it('keeps every byte value and an empty object', async () => {
    const store = await open()
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)

    await store.put('all', all)
    await store.put('empty', new Uint8Array(0))

    expect([...(await store.get('all'))]).toEqual([...all])
    expect((await store.get('empty')).length).toBe(0)
    expect(await collect(store.stream('empty'))).toBe('')
  })

  it('replaces an object whole, with another tag', async () => {
    const store = await open()
    await store.put('key', bytes('a longer first body'))
    const before = await store.head('key')

    await store.put('key', bytes('second'))

    expect(await text(store, 'key')).toBe('second')
    expect((await store.head('key')).etag).not.toBe(before.etag)
  })

  it('does not keep a hold on the caller’s bytes', async () => {
    const store = await open()
    const body = bytes('before')
    await store.put('put', body)
    await store.putIfAbsent('if-absent', body)

    body.fill(0)
    ;(await store.get('put')).fill(0)

    expect(await text(store, 'put')).toBe('before')
    expect(await text(store, 'if-absent')).toBe('before')
  })

  it.each([
    [{ start: 2 }, 'cdef'],
    [{ start: 0, end: 3 }, 'abc'],
    [{ start: 2, end: 4 }, 'cd'],
    [{ start: 4, end: 99 }, 'ef'],
    [{ start: 6 }, ''],
    [{ start: 7, end: 9 }, ''],
  ])('reads the half-open range %j', async (range, expected) => {
    const store = await open()
    await store.put('key', bytes('abcdef'))

    expect(decode(await store.get('key', range))).toBe(expected)
  })

  it('streams a large object from where it is asked to', async () => {
    const store = await open()
    const body = Buffer.alloc(1_000_000, 'x')
    body.write('tail', 999_996)
    await store.put('large', body)

    expect((await collect(store.stream('large'))).length).toBe(1_000_000)
    expect(await collect(store.stream('large', { start: 999_996 }))).toBe('tail')
    expect(await collect(store.stream('large', { start: 1_000_000 }))).toBe('')
  })

  it('lets a reader leave a stream early, and stays usable', async () => {
    const store = await open()
    await store.put('large', Buffer.alloc(1_000_000, 'x'))

    for (let i = 0; i < 60; i++) for await (const _chunk of store.stream('large')) break

    expect((await store.head('large')).size).toBe(1_000_000)
  })

  it('ends streams and listings with the reason of an abort', async () => {
    const store = await open()
    await store.put('large', Buffer.alloc(1_000_000, 'x'))
    const before = AbortSignal.abort(new Error('no need'))
    const amid = new AbortController()
    const readSome = async (): Promise<void> => {
      for await (const _chunk of store.stream('large', { signal: amid.signal }))
        amid.abort(new Error('enough'))
    }

    await expect(collect(store.stream('large', { signal: before }))).rejects.toThrow('no need')
    await expect(keys(store.list({ signal: before }))).rejects.toThrow('no need')
    await expect(readSome()).rejects.toThrow('enough')
  })

  it('says that an absent object is not found', async () => {
    const store = await open()
    await store.put('there/is/this', bytes('x'))

    for (const key of ['absent', 'there/is', 'there/is/', 'there/is/this/more', '', '..', '../x']) {
      await expect(store.get(key), key).rejects.toThrow(ObjectNotFound)
      await expect(store.get(key, { start: 1 }), key).rejects.toThrow(ObjectNotFound)
      await expect(store.head(key), key).rejects.toThrow(ObjectNotFound)
      await expect(collect(store.stream(key)), key).rejects.toThrow(ObjectNotFound)
    }
  })

  it('deletes, and finds nothing odd in deleting what is absent', async () => {
    const store = await open()
    await store.put('key', bytes('x'))

    await store.delete('key')
    await store.delete('key')
    await store.delete('never/was')

    await expect(store.get('key')).rejects.toThrow(ObjectNotFound)
    expect(await keys(store.list())).toEqual([])
  })

  it('writes an absent key once', async () => {
    const store = await open()
    await store.putIfAbsent('log/1', bytes('first'))

    await expect(store.putIfAbsent('log/1', bytes('second'))).rejects.toThrow(ObjectExists)

    expect(await text(store, 'log/1')).toBe('first')
    await store.delete('log/1')
    await store.putIfAbsent('log/1', bytes('third'))
    expect(await text(store, 'log/1')).toBe('third')
  })

  it('lets exactly one of many concurrent writers win', async () => {
    const store = await open()

    await probeConditionalWrites(store)

    expect(await keys(store.list())).toEqual([])
  })

  it('refuses to write a key that could mean two places or none', async () => {
    const store = await open()
    const odd = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      'a\0b',
      '\ud800',
      '.tmp-1',
      'a/.tmp-x',
    ]

    for (const key of [...odd, 'k'.repeat(1025)]) {
      await expect(store.put(key, bytes('x')), key).rejects.toThrow(InvalidKey)
      await expect(store.putIfAbsent(key, bytes('x')), key).rejects.toThrow(InvalidKey)
    }

    expect(await keys(store.list())).toEqual([])
  })

  it('lists in the order of the keys’ UTF-8 bytes, with what head says', async () => {
    const store = await open()
    // '/' is 0x2f: after '!' and '-' and '.', before '0' and 'a'.
    const ordered = [
      'a b+c&d=e.txt',
      'a!',
      'a-b',
      'a.txt',
      'a/b',
      'a/b.c',
      'a/c/d',
      'a0',
      'event_type=A%2FA/part <1>.parquet',
      'event_type=a b/part',
      'é',
      '\uffee',
      '😀',
    ]
    for (const key of ordered.toReversed()) await store.put(key, bytes(key))

    const listed: ObjectInfo[] = []
    for await (const info of store.list()) listed.push(info)

    expect(listed.map(({ key }) => key)).toEqual(ordered)
    for (const info of listed) {
      expect(await store.head(info.key)).toEqual(info)
      expect(info.size).toBe(Buffer.byteLength(info.key))
      expect(await text(store, info.key)).toBe(info.key)
    }
  })

  it('lists by prefix, which need not end at a slash', async () => {
    const store = await open()
    for (const key of ['log', 'log/1', 'log/10', 'log/2/x', 'logs/1', 'other'])
      await store.put(key === 'log' ? 'log.txt' : key, bytes('x'))

    expect(await keys(store.list({ prefix: 'log/' }))).toEqual(['log/1', 'log/10', 'log/2/x'])
    expect(await keys(store.list({ prefix: 'log/1' }))).toEqual(['log/1', 'log/10'])
    expect(await keys(store.list({ prefix: 'lo' }))).toEqual([
      'log.txt',
      'log/1',
      'log/10',
      'log/2/x',
      'logs/1',
    ])
    expect(await keys(store.list({ prefix: 'none/' }))).toEqual([])
    expect(await keys(store.list({ prefix: '../' }))).toEqual([])
  })

  it('lists only what sorts after a key, there or not', async () => {
    const store = await open()
    for (const key of ['a/1', 'a/2', 'a/3/x', 'a/3/y', 'b', 'c/1']) await store.put(key, bytes('x'))

    expect(await keys(store.list({ after: 'a/2' }))).toEqual(['a/3/x', 'a/3/y', 'b', 'c/1'])
    expect(await keys(store.list({ after: 'a/3/x' }))).toEqual(['a/3/y', 'b', 'c/1'])
    expect(await keys(store.list({ after: 'a/3/xx' }))).toEqual(['a/3/y', 'b', 'c/1'])
    expect(await keys(store.list({ after: 'a0' }))).toEqual(['b', 'c/1'])
    expect(await keys(store.list({ prefix: 'a/', after: 'a/2' }))).toEqual(['a/3/x', 'a/3/y'])
    expect(await keys(store.list({ prefix: 'c/', after: 'a' }))).toEqual(['c/1'])
    expect(await keys(store.list({ after: 'z' }))).toEqual([])
  })

  it('lists more than one page, in order', async () => {
    const store = await open()
    const names = Array.from({ length: 1_203 }, (_, i) => `many/${i}`)
    for (let at = 0; at < names.length; at += 50) {
      await Promise.all(names.slice(at, at + 50).map((name) => store.put(name, bytes('x'))))
    }

    const listed = await keys(store.list({ prefix: 'many/' }))

    expect(listed).toEqual(names.sort(compareKeys))
    expect(await keys(store.list({ after: 'many/998' }))).toEqual(['many/999'])
  })

  it('tells when an object was written', async () => {
    const store = await open()
    const startedMs = Date.now()
    await store.put('key', bytes('x'))

    const { modifiedMs } = await store.head('key')

    // Whole seconds in S3, and clocks of different resolution.
    expect(Math.abs(modifiedMs - startedMs)).toBeLessThan(10_000)
  })
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

export async function text(store: ObjectStore, key: string): Promise<string> {
  return decode(await store.get(key))
}

export async function keys(listing: AsyncIterable<ObjectInfo>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of listing) found.push(key)
  return found
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function decode(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}
