import type { Logger } from '../../runtime/log.ts'
import type { ObjectInfo, ObjectStore } from '../../storage/index.ts'

/**
 * Which objects hold events, by name: .json, .jsonl and .ndjson, each also with .gz, and names without an extension.
 * Names with a segment that begins with `_` or `.` belong to someone's machinery (_SUCCESS, .part files), as do the
 * zero-byte `folder/` keys that consoles make.
 */
export type ObjectKind = 'events' | 'hidden' | { other: string }

export function kindOfObject({ key, size }: Pick<ObjectInfo, 'key' | 'size'>): ObjectKind {
  const segments = key.split('/')
  if (segments.some((segment) => segment.startsWith('_') || segment.startsWith('.'))) return 'hidden'
  const name = (segments.at(-1) ?? '').toLowerCase()
  if (name === '') return size === 0 ? 'hidden' : 'events'
  const plainName = name.endsWith('.gz') ? name.slice(0, -'.gz'.length) : name
  const dot = plainName.lastIndexOf('.')
  const extension = dot === -1 ? '' : plainName.slice(dot)
  if (['', '.json', '.jsonl', '.ndjson'].includes(extension)) return 'events'
  return { other: plainName === name ? extension : `${extension}.gz` }
}

export interface ObjectLister {
  /** The objects that hold events, in key order. */
  list(signal: AbortSignal): Promise<ObjectInfo[]>
}

/** Says once for each other kind of object that it is passed over, with one example. */
export function createObjectLister(store: ObjectStore, log: Logger): ObjectLister {
  const reported = new Set<string>()
  return {
    async list(signal) {
      const objects: ObjectInfo[] = []
      for await (const object of store.list({ signal })) {
        const kind = kindOfObject(object)
        if (kind === 'events') objects.push(object)
        else if (kind !== 'hidden') reportOnce(kind.other, object.key)
      }
      return objects
    },
  }

  function reportOnce(extension: string, example: string): void {
    if (reported.has(extension)) return
    reported.add(extension)
    log.warn('objects of this kind are not replayed', {
      extension,
      example,
      replayed: '.json .jsonl .ndjson, also with .gz, and names without an extension',
    })
  }
}
