import { AppError } from '../../runtime/errors.ts'

/** A record batch whose bytes contradict themselves: wrong length, CRC, compression or record varints. */
export class CorruptBatch extends AppError {
  /** Base offset of the batch, or -1 where not even that could be read. */
  readonly baseOffset: number

  constructor(message: string, baseOffset: number, cause?: unknown) {
    super(message, { code: 'CORRUPT_BATCH', remedy: 'reject', cause })
    this.baseOffset = baseOffset
  }
}
