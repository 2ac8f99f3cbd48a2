import { resolve } from 'node:path'
import { SetupError } from '../runtime/errors.ts'
import type { ObjectStore } from './object-store.ts'

/** How to reach S3 or a server that speaks its protocol. What is unset is left to the AWS SDK's own chain. */
export interface S3Settings {
  /** URL of a server other than AWS; also switches on path-style addresses. */
  endpoint?: string
  region?: string
  accessKeyId?: string
  secretAccessKey?: string
  sessionToken?: string
}

/** What a store URL says, without touching the store. */
export type StoreLocation = { kind: 'file'; path: string } | { kind: 's3'; bucket: string; prefix: string }

/**
 * Opens `file:` and `s3://` URLs; keys are relative to the URL. Nothing is contacted yet, and an adapter's libraries
 * are loaded only when its scheme is asked for.
 * @throws {SetupError} on a URL that names no store
 */
export async function openStore(url: string, s3: S3Settings = {}): Promise<ObjectStore> {
  const location = parseStoreUrl(url)
  switch (location.kind) {
    case 'file': {
      const { openFileStore } = await import('./file-store.ts')
      return openFileStore(location.path)
    }
    case 's3': {
      const { openS3Store } = await import('./s3-store.ts')
      return openS3Store(location, s3)
    }
    default: {
      const unknown: never = location
      throw new Error(`no adapter for ${JSON.stringify(unknown)}`)
    }
  }
}

/** The path after `file:` is taken as it stands (no %-decoding); a relative one is under the working directory. */
export function parseStoreUrl(url: string): StoreLocation {
  if (/^s3a?:/i.test(url)) return parseS3Url(url)
  if (!/^file:/i.test(url)) {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]
    const what = scheme ? `stores of kind ${scheme}: are not known` : 'it has no scheme'
    const write = scheme || url === '' ? 'file:some/folder/ or s3://bucket/prefix/' : `file:${url}`
    throw new SetupError(`${JSON.stringify(url)} is not a store: ${what}; write ${write}`)
  }
  const rest = url.slice('file:'.length)
  const path = rest.startsWith('//') ? rest.slice(2).replace(/^localhost(?=\/)/i, '') : rest
  if (rest.startsWith('//') && !path.startsWith('/')) {
    throw new SetupError(
      `${JSON.stringify(url)} names another host; write file:///${path} for an absolute path, file:${path} for a relative one`,
    )
  }
  if (path === '' || path.includes('\0')) {
    throw new SetupError(`${JSON.stringify(url)} names no folder; write file:some/folder/`)
  }
  return { kind: 'file', path: resolve(path) }
}

function parseS3Url(url: string): StoreLocation {
  const [, bucket = '', path = ''] = /^s3a?:\/\/([^/]*)\/*(.*)$/is.exec(url) ?? []
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new SetupError(
      `${JSON.stringify(url)} names no valid bucket; write s3://bucket/prefix/ (3-63 of a-z, 0-9, "-" and ".")`,
    )
  }
  if (bucket.endsWith('--x-s3')) {
    // They do not list in the order of keys, which the table's log and the replay both rely on.
    throw new SetupError(`${JSON.stringify(url)} is a directory bucket; use a general purpose bucket`)
  }
  if (/[?#\0]/.test(path)) throw new SetupError(`${JSON.stringify(url)} may not contain ? or #`)
  const segments = path.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new SetupError(`${JSON.stringify(url)} may not contain . or .. segments`)
  }
  return { kind: 's3', bucket, prefix: segments.map((segment) => `${segment}/`).join('') }
}
