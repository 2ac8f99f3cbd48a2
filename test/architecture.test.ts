import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { expect, it } from 'vitest'

// The two tables below are the architecture. A new arrow or a new fence hole needs a decision record.
const root = resolve(import.meta.dirname, '..')
const mayImport: Record<string, readonly string[]> = {
  runtime: [],
  windows: [],
  measures: [],
  events: ['runtime'],
  storage: ['runtime'],
  broker: ['runtime'],
  vectors: ['runtime'],
  table: ['storage', 'measures', 'windows', 'runtime'],
  producers: ['broker', 'events', 'storage', 'runtime'],
  processors: ['broker', 'events', 'windows', 'measures', 'table', 'runtime'],
  indexer: ['vectors', 'runtime'],
  api: [
    'table',
    'vectors',
    'measures',
    'windows',
    'events',
    'broker/client',
    'producers/http-ingest',
    'runtime',
  ],
  samples: ['events', 'runtime'],
}
const fences: [pattern: RegExp, allowed: readonly string[]][] = [
  [/^kafkajs/, ['broker']],
  [/^(@node-rs\/crc32|snappyjs|lz4js|fzstd)/, ['broker/wire']],
  [/^(@aws-sdk|@smithy)\//, ['storage']],
  [/^(parquet-wasm|apache-arrow|hyparquet)/, ['table']],
  [/^@qdrant\//, ['vectors']],
  [/^openai/, ['vectors', 'api/answers']],
  [/^avsc/, ['events']],
  [/^(koa|@koa\/)/, ['api', 'producers/http-ingest']],
]
const anywhere = new Set(['cli', 'bench', 'test'])
const sources = Object.keys(mayImport).concat('cli', 'bench').flatMap(filesUnder)

it.each(sources)('%s imports only what the architecture allows', (file) => {
  const text = readFileSync(join(root, file), 'utf8')
  const folder = file.split('/')[0] ?? ''

  const wrong = importsOf(text).filter((specifier) => !isAllowed(file, folder, specifier))

  expect(wrong).toEqual([])
  if (file !== 'runtime/config.ts') expect(text).not.toMatch(/process\.env/)
})

it('looks at real files', () => {
  expect(sources.length).toBeGreaterThan(5)
  expect(isAllowed('windows/a.ts', 'windows', '../runtime/clock.ts')).toBe(false)
  expect(isAllowed('api/a.ts', 'api', '../broker/group.ts')).toBe(false)
  expect(isAllowed('api/a.ts', 'api', 'kafkajs')).toBe(false)
})

function isAllowed(file: string, folder: string, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, file, '..', specifier))
      .split(sep)
      .join('/')
    const within = (area: string): boolean =>
      target === area || target.startsWith(`${area}/`) || target === `${area}.ts`
    return anywhere.has(folder) || within(folder) || (mayImport[folder] ?? []).some(within)
  }
  if (folder === 'windows' || folder === 'measures') return false
  return fences.every(
    ([pattern, areas]) =>
      !pattern.test(specifier) ||
      areas.some((area) => file.startsWith(`${area}/`) || file.startsWith(`${area}.`)) ||
      folder === 'test',
  )
}

function importsOf(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n;]*?)?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '')
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name.split(sep).join('/')}`)
  } catch {
    return [] // the folder comes with a later issue
  }
}
