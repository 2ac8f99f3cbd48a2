/** Commit files: NDJSON, one action a line, `{"<kind>": {…}}`. Unknown kinds are skipped, as the protocol asks. */
import type {
  Action,
  AddFile,
  CommitInfo,
  MetaData,
  PartitionValues,
  Protocol,
  RemoveFile,
  TxnAction,
} from './actions.ts'
import { CorruptLog } from './errors.ts'

type Fields = Readonly<Record<string, unknown>>

const decoder = new TextDecoder('utf-8', { fatal: true })

/** @throws {CorruptLog} naming the file and the line */
export function parseCommit(bytes: Uint8Array, where: string): Action[] {
  const actions: Action[] = []
  const lines = decodeText(bytes, where).split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const action = parseLine(line, `${where}, line ${index + 1}`)
    if (action) actions.push(action)
  }
  return actions
}

/** The bytes of a commit file. Maps and sets of the caller are not supported; undefined fields are left out. */
export function formatCommit(actions: readonly Action[]): Uint8Array {
  const lines = actions.map((action) => {
    if (action.kind === 'commitInfo') return JSON.stringify({ commitInfo: action.info })
    const { kind, ...fields } = action
    return JSON.stringify({ [kind]: fields })
  })
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}

function parseLine(line: string, where: string): Action | null {
  const fail = (what: string): never => {
    throw new CorruptLog(`${where}: ${what}`)
  }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new CorruptLog(`${where}: not JSON`, cause)
  }
  if (!isFields(value)) return fail('not an object')
  const [kind, body] = Object.entries(value).find(([, content]) => content !== null) ?? []
  if (kind === undefined) return null
  if (!isFields(body)) return fail(`${kind} is not an object`)
  const field = createFieldReader(body, (name, wanted) => fail(`${kind}.${name} is not ${wanted}`))
  switch (kind) {
    case 'protocol':
      return parseProtocol(field)
    case 'metaData':
      return parseMetaData(field)
    case 'add':
      // A file read without its deletion vector would bring deleted rows back.
      if (body.deletionVector) return fail('add.deletionVector is not supported')
      return parseAdd(field)
    case 'remove':
      return parseRemove(field)
    case 'txn':
      return parseTxn(field)
    case 'commitInfo':
      return { kind, info: body } satisfies CommitInfo
    default:
      return null
  }
}

function parseProtocol(field: FieldReader): Protocol {
  return {
    kind: 'protocol',
    minReaderVersion: field.integer('minReaderVersion'),
    minWriterVersion: field.integer('minWriterVersion'),
    ...field.optional('readerFeatures', () => ({ readerFeatures: field.texts('readerFeatures') })),
    ...field.optional('writerFeatures', () => ({ writerFeatures: field.texts('writerFeatures') })),
  }
}

function parseMetaData(field: FieldReader): MetaData {
  const format = createFieldReader(field.fields('format'), field.refuse)
  return {
    kind: 'metaData',
    id: field.text('id'),
    ...field.optional('name', () => ({ name: field.text('name') })),
    format: {
      provider: format.text('provider'),
      options: format.has('options') ? textsOnly(format.map('options')) : {},
    },
    schemaString: field.text('schemaString'),
    partitionColumns: field.texts('partitionColumns'),
    configuration: field.has('configuration') ? textsOnly(field.map('configuration')) : {},
    ...field.optional('createdTime', () => ({ createdTime: field.integer('createdTime') })),
  }
}

function parseAdd(field: FieldReader): AddFile {
  return {
    kind: 'add',
    path: field.text('path'),
    partitionValues: emptyAsNull(field.map('partitionValues')),
    size: field.integer('size'),
    modificationTime: field.integer('modificationTime'),
    dataChange: field.flag('dataChange'),
    ...field.optional('stats', () => ({ stats: field.text('stats') })),
    ...field.optional('tags', () => ({ tags: field.map('tags') })),
  }
}

function parseRemove(field: FieldReader): RemoveFile {
  return {
    kind: 'remove',
    path: field.text('path'),
    deletionTimestamp: field.has('deletionTimestamp') ? field.integer('deletionTimestamp') : 0,
    dataChange: field.flag('dataChange'),
    extendedFileMetadata: true,
    partitionValues: field.has('partitionValues') ? emptyAsNull(field.map('partitionValues')) : {},
    size: field.has('size') ? field.integer('size') : 0,
  }
}

function parseTxn(field: FieldReader): TxnAction {
  return {
    kind: 'txn',
    appId: field.text('appId'),
    version: field.integer('version'),
    ...field.optional('lastUpdated', () => ({ lastUpdated: field.integer('lastUpdated') })),
  }
}

type FieldReader = ReturnType<typeof createFieldReader>

/** Reads typed fields of one action; `refuse` throws with the field's name and what it should have been. */
function createFieldReader(fields: Fields, refuse: (name: string, wanted: string) => never) {
  const has = (name: string): boolean => fields[name] !== undefined && fields[name] !== null
  return {
    refuse,
    has,
    optional: <T extends object>(name: string, read: () => T): T | Record<never, never> =>
      has(name) ? read() : {},
    text(name: string): string {
      const value = fields[name]
      return typeof value === 'string' ? value : refuse(name, 'a string')
    },
    integer(name: string): number {
      const value = fields[name]
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : refuse(name, 'an integer')
    },
    flag(name: string): boolean {
      const value = fields[name]
      return typeof value === 'boolean' ? value : refuse(name, 'a boolean')
    },
    fields(name: string): Fields {
      const value = fields[name]
      return isFields(value) ? value : refuse(name, 'an object')
    },
    texts(name: string): string[] {
      const value = fields[name]
      if (!Array.isArray(value)) return refuse(name, 'a list')
      return value.map((item: unknown) =>
        typeof item === 'string' ? item : refuse(name, 'a list of strings'),
      )
    },
    map(name: string): Record<string, string | null> {
      const value = fields[name]
      if (!isFields(value)) return refuse(name, 'an object')
      const result: Record<string, string | null> = {}
      for (const [key, item] of Object.entries(value)) {
        if (item !== null && typeof item !== 'string') return refuse(name, 'a map of strings')
        result[key] = item
      }
      return result
    },
  }
}

function emptyAsNull(values: PartitionValues): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === '' ? null : value]),
  )
}

function textsOnly(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  )
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new CorruptLog(`${where}: not UTF-8`, cause)
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
