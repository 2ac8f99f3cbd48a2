import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readFully } from '../../../../broker/embedded/disk/durable-files.ts'
import { createReadHandles } from '../../../../broker/embedded/disk/read-handles.ts'
import { temporaryDir } from './logs.ts'

async function threeFiles(): Promise<string[]> {
  const dir = await temporaryDir()
  const paths = ['a', 'b', 'c'].map((name) => join(dir, name))
  for (const path of paths) await writeFile(path, path.slice(-1))
  return paths
}

it('closes the file unused the longest, and opens it again when asked', async () => {
  const [a = '', b = '', c = ''] = await threeFiles()
  const handles = createReadHandles(2)
  const descriptor = (path: string): Promise<number> => handles.use(path, async (handle) => handle.fd)
  const first = [await descriptor(a), await descriptor(b)]
  await descriptor(a)

  await descriptor(c)

  // b was closed, so its descriptor is free; a was used since and kept its own.
  expect(await descriptor(a)).toBe(first[0])
  const text = await handles.use(b, async (handle) => {
    const buffer = Buffer.alloc(1)
    await readFully(handle, buffer, 0)
    return buffer.toString()
  })
  expect(text).toBe('b')
  await handles.close()
})

it('keeps a dropped file open for those who are reading it', async () => {
  const [a = ''] = await threeFiles()
  const handles = createReadHandles(2)
  let proceed = (): void => {}
  const gate = new Promise<void>((resolve) => {
    proceed = resolve
  })
  const reading = handles.use(a, async (handle) => {
    await gate
    const buffer = Buffer.alloc(1)
    await readFully(handle, buffer, 0)
    return { text: buffer.toString(), handle }
  })

  await handles.drop(a)
  proceed()

  const { text, handle } = await reading
  expect(text).toBe('a')
  await expect(handle.stat()).rejects.toThrow()
})

it('lets a missing file fail, and finds it once it is there', async () => {
  const path = join(await temporaryDir(), 'late')
  const handles = createReadHandles(2)
  await expect(handles.use(path, async () => 1)).rejects.toMatchObject({ code: 'ENOENT' })

  await writeFile(path, 'x')
  await access(path)

  expect(await handles.use(path, async () => 1)).toBe(1)
  await handles.close()
})
