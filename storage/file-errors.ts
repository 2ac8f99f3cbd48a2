import { AppError, errorMessage, SetupError } from '../runtime/errors.ts'
import { InvalidKey, ObjectExists, ObjectNotFound, StoreUnavailable } from './errors.ts'
import { isPlainKey } from './keys.ts'

/** Reading a key that can never have been written finds nothing; it must not reach the file system. */
export function readKey(key: string): string {
  if (!isPlainKey(key)) throw new ObjectNotFound(key)
  return key
}

/** For reads and deletes. */
export function translateFileError(error: unknown, key: string, root: string): unknown {
  if (error instanceof AppError) return error
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ENAMETOOLONG':
    case 'ERR_FS_EISDIR':
      return new ObjectNotFound(key, error)
    default:
      return translateCommon(error, root)
  }
}

export function translateWriteError(error: unknown, key: string, root: string): unknown {
  if (error instanceof AppError) return error
  switch (codeOf(error)) {
    // The staged name is unique, so only publishing can find its name taken.
    case 'EEXIST':
      return isLink(error)
        ? new ObjectExists(key, error)
        : new InvalidKey(key, 'a part of it is an object', error)
    case 'ENOTDIR':
      return new InvalidKey(key, 'a part of it is an object', error)
    case 'EISDIR':
      return new InvalidKey(key, 'it is a folder of other objects', error)
    case 'ENAMETOOLONG':
      return new InvalidKey(key, 'a segment is too long for the file system', error)
    case 'EPERM':
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
    case 'ENOSYS':
    case 'EMLINK':
      if (!isLink(error)) return translateCommon(error, root)
      return new SetupError(
        `the file system of ${root} has no hard links, which commits need (${errorMessage(error)}); use a folder on a local disk, or s3://`,
        error,
      )
    default:
      return translateCommon(error, root)
  }
}

function translateCommon(error: unknown, root: string): unknown {
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new SetupError(
      `${root} cannot be used (${errorMessage(error)}); give this user access to it`,
      error,
    )
  }
  // What has no code is not the file system's doing but a bug: it passes.
  return code === undefined ? error : new StoreUnavailable(`${root}: ${errorMessage(error)}`, error)
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function isLink(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'link'
}
