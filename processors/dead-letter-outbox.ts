import type { DeadLetter } from '../broker/index.ts'
import { AppError } from '../runtime/errors.ts'

/** A producer of dead letters, as broker/ makes it: what it accepted is sent and acknowledged by `flush`. */
export interface DeadLetterChannel {
  add(letter: DeadLetter): void
  flush(): Promise<void>
  close(): Promise<void>
}

export interface DeadLetterOutbox {
  /**
   * Resolves once every letter is acknowledged. After an error any of them may have been written: send them all
   * again. Their keys are their origins, so that a repeat does not count twice.
   */
  send(letters: readonly DeadLetter[]): Promise<void>
  close(): Promise<void>
}

/** Opens a channel at the first letter: most streams have none. A channel that failed once is never used again. */
export function createDeadLetterOutbox(open: () => Promise<DeadLetterChannel>): DeadLetterOutbox {
  let channel: DeadLetterChannel | null = null
  const discard = async (): Promise<void> => {
    const failed = channel
    channel = null
    // Closing a channel that failed may fail too, and says nothing new.
    await failed?.close().catch(() => {})
  }
  return {
    async send(letters) {
      if (letters.length === 0) return
      try {
        channel ??= await open()
        for (const letter of letters) addWhole(channel, letter)
        await channel.flush()
      } catch (error) {
        await discard()
        throw error
      }
    },
    close: discard,
  }
}

/** A value that no batch has room for is left at its origin: one bad record must not stop the stream (D6). */
function addWhole(channel: DeadLetterChannel, letter: DeadLetter): void {
  try {
    channel.add(letter)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'RECORD_TOO_LARGE') throw error
    const bytes = letter.value?.length ?? 0
    const message = `${letter.message} (its value of ${bytes} bytes is too large to be copied here)`
    channel.add({ ...letter, value: null, message })
  }
}
