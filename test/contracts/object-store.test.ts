import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { createMemoryStore, openStore } from '../../storage/index.ts'
import { objectStoreContract } from './object-store.ts'

describe('memory store', () => {
  objectStoreContract(async () => createMemoryStore())
})

describe('file store', () => {
  let parent = ''
  let opened = 0
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'dataflow-store-'))
  })
  afterAll(() => rm(parent, { recursive: true, force: true }))

  objectStoreContract(() => openStore(`file:${parent}/store ${++opened}/`))
})
