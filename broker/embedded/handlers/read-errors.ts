import type { Logger } from '../../../runtime/log.ts'
import { CorruptBatch, kafkaError } from '../../wire/index.ts'
import { OffsetOutOfRange, PartitionGone, StorageFailed } from '../disk/index.ts'

/**
 * The error code that tells a client why a partition could not be read. One bad file must not close the connection,
 * for then no other partition could be read either. Rethrows what is not about the partition.
 */
export function readErrorCode(
  error: unknown,
  where: { topic: string; partition: number; log: Logger },
): number {
  if (error instanceof OffsetOutOfRange || error instanceof PartitionGone || error instanceof StorageFailed) {
    return error.kafkaError
  }
  const isDamaged = error instanceof CorruptBatch
  if (!isDamaged && !isFromSystem(error)) throw error
  const { topic, partition, log } = where
  log.error('partition cannot be read; look at the disk', { topic, partition, error })
  return isDamaged ? kafkaError.CORRUPT_MESSAGE : kafkaError.KAFKA_STORAGE_ERROR
}

/** Such as EIO of a dying disk, or EMFILE. */
function isFromSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
