import { arrayFileMessage, arrayStartOf } from './array-file.ts'
import type { LinePublisher } from './line-publisher.ts'
import type { LineCursor } from './lines.ts'

/** From a cursor's lines to the publisher; here is told what is wrong with a line before anyone parses it. */
export interface LineIntake {
  /** Takes the cursor's line. @returns false when the rest of the source is not worth a look */
  take(): boolean
  /** What follows the last whole line of damaged gzip data is no line: it may be cut anywhere. */
  rejectTail(damage: string): void
}

export interface LineIntakeOptions {
  cursor: LineCursor
  lines: LinePublisher
  /** Of the object or file: `name#line` is a line's origin. */
  name: string
  maxLineBytes: number
  /** The next line that is not blank is the first one of the source. */
  isAtBeginning: boolean
}

export function createLineIntake(options: LineIntakeOptions): LineIntake {
  const { cursor, lines, name, maxLineBytes } = options
  let isAtFirst = options.isAtBeginning
  return {
    take() {
      const bytes = cursor.buffer.subarray(cursor.start, cursor.end)
      const origin = `${name}#${cursor.line}`
      const array = isAtFirst ? arrayStartOf(bytes, cursor.tooLong) : 'none'
      isAtFirst = false
      if (array !== 'none') {
        lines.reject({ origin, bytes, reason: 'json_array', message: arrayFileMessage(name) })
      } else if (cursor.tooLong) {
        const message = `the line has more than ${maxLineBytes} bytes; only its beginning is kept here`
        lines.reject({ origin, bytes, reason: 'too_long', message })
      } else lines.take(bytes, origin)
      return array !== 'open'
    },
    rejectTail(damage) {
      cursor.finish()
      const hasTail = cursor.next()
      const origin = `${name}#${hasTail ? cursor.line : cursor.line + 1}`
      const bytes = hasTail ? cursor.buffer.subarray(cursor.start, cursor.end) : null
      lines.reject({ origin, bytes, reason: 'truncated_gzip', message: damage })
    },
  }
}
