import { AppError } from '../runtime/errors.ts'

export class ObjectNotFound extends AppError {
  readonly key: string

  constructor(key: string, cause?: unknown) {
    super(`there is no object ${key}`, { code: 'OBJECT_NOT_FOUND', remedy: 'reject', cause })
    this.key = key
  }
}

/** A conditional write found the key taken. */
export class ObjectExists extends AppError {
  readonly key: string

  constructor(key: string, cause?: unknown) {
    super(`object ${key} exists already`, { code: 'OBJECT_EXISTS', remedy: 'reject', cause })
    this.key = key
  }
}

/** The store did not answer, or could not do it now. After a write the outcome is unknown. */
export class StoreUnavailable extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'STORE_UNAVAILABLE', remedy: 'retry', cause })
  }
}

export class BucketMissing extends AppError {
  readonly bucket: string

  /** @param makeIt the shell line that creates the bucket */
  constructor(bucket: string, makeIt: string, cause?: unknown) {
    super(`bucket ${bucket} does not exist; make it with: ${makeIt}`, {
      code: 'BUCKET_MISSING',
      remedy: 'stop',
      cause,
    })
    this.bucket = bucket
  }
}

/** A key that cannot be written, see keys.ts. */
export class InvalidKey extends AppError {
  readonly key: string

  constructor(key: string, why: string, cause?: unknown) {
    super(`object key ${JSON.stringify(key)} cannot be written: ${why}`, {
      code: 'INVALID_KEY',
      remedy: 'reject',
      cause,
    })
    this.key = key
  }
}
