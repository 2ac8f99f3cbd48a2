import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder behind a `file:` URL, absolute or relative to the working directory; null for other stores. */
export function localFolder(url: string): string | null {
  if (!url.startsWith('file:')) return null
  if (url.startsWith('file://')) return fileURLToPath(url)
  const path = url.slice('file:'.length)
  return isAbsolute(path) ? path : resolve(path)
}
