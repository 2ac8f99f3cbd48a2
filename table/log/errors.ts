import { AppError } from '../../runtime/errors.ts'

/** The log says something this code must not guess at: a hole, bad JSON, a line of the wrong shape. */
export class CorruptLog extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'TABLE_LOG_CORRUPT', remedy: 'stop', cause })
  }
}

/** The table asks for a protocol or a feature that this version does not have. */
export class UnsupportedTable extends AppError {
  constructor(message: string) {
    super(message, { code: 'TABLE_UNSUPPORTED', remedy: 'stop' })
  }
}

/** Someone altered the table's schema, configuration or protocol while it was open. */
export class TableAltered extends AppError {
  constructor(message: string) {
    super(message, { code: 'TABLE_ALTERED', remedy: 'stop' })
  }
}

/** The caller stopped waiting while a commit might still land; only the log can tell, after a fresh start. */
export class CommitAbandoned extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'COMMIT_ABANDONED', remedy: 'stop', cause })
  }
}
