import { S3ServiceException } from '@aws-sdk/client-s3'
import { AppError, errorMessage, SetupError } from '../runtime/errors.ts'
import { BucketMissing, ObjectExists, ObjectNotFound, StoreUnavailable } from './errors.ts'
import type { S3Settings } from './open-store.ts'

export interface S3CallContext {
  key: string
  bucket: string
  url: string
  settings: S3Settings
}

/** Client errors by status that pass by themselves; after a skew the SDK corrects its clock. */
const passingCodes = new Set(['RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown', 'OperationAborted'])
const deniedCodes = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'ExpiredToken',
  'Forbidden',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
])

/** A HEAD's 404 has no body to tell a missing bucket by, so it is taken for a missing object. */
export function translateS3Error(error: unknown, context: S3CallContext): unknown {
  if (error instanceof AppError) return error
  if (!(error instanceof S3ServiceException)) return translateClientError(error, context)
  const { key, bucket, url, settings } = context
  const status = error.$metadata.httpStatusCode ?? 0
  if (error.name === 'NoSuchBucket') return new BucketMissing(bucket, makeBucketLine(bucket, settings), error)
  if (status === 404) return new ObjectNotFound(key, error)
  if (status === 412) return new ObjectExists(key, error)
  // 409 is a conditional write that met another in flight; the rest is the server's trouble, or a proxy's.
  if (passingCodes.has(error.name) || [408, 409, 429].includes(status) || status >= 500 || status < 300) {
    return new StoreUnavailable(`${url}: ${error.name} (${status}): ${error.message}`, error)
  }
  if (deniedCodes.has(error.name) || status === 401 || status === 403) {
    return new SetupError(
      `${url} refused access (${error.name}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the permissions on the bucket`,
      error,
    )
  }
  if (status === 301 || error.name === 'AuthorizationHeaderMalformed') {
    const region = error.$response?.headers['x-amz-bucket-region'] ?? "the bucket's region"
    return new SetupError(`${url} is in another region; set AWS_REGION=${region}`, error)
  }
  return new SetupError(`${url} turned a request down: ${error.name} (${status}): ${error.message}`, error)
}

/** Whether a range read began past the object's end. */
export function isPastEnd(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416
}

export function makeBucketLine(bucket: string, { endpoint, region }: S3Settings): string {
  if (endpoint !== undefined) return `aws --endpoint-url=${endpoint} s3 mb s3://${bucket}`
  return `aws s3 mb s3://${bucket}${region === undefined ? '' : ` --region ${region}`}`
}

function translateClientError(error: unknown, { url, settings }: S3CallContext): unknown {
  const name = error instanceof Error ? error.name : ''
  const message = errorMessage(error)
  if (name === 'CredentialsProviderError') {
    return new SetupError(
      `there are no credentials for ${url}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a local server takes any, such as test)`,
      error,
    )
  }
  if (message === 'Region is missing') return new SetupError(`set AWS_REGION to the region of ${url}`, error)
  // What is neither a system error nor marked by the SDK is a bug: it passes.
  const fromOutside =
    (error instanceof Error && ('code' in error || '$metadata' in error)) || name === 'TimeoutError'
  if (!fromOutside) return error
  const where = settings.endpoint === undefined ? url : `${url} at ${settings.endpoint}`
  return new StoreUnavailable(`${where} does not answer: ${message || name}`, error)
}
