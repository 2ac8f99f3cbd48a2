import type { DeadLetter, DeadLetters } from '../broker/index.ts'

export interface DeadLetterOutbox {
  /**
   * Resolves once every letter is acknowledged. After an error any of them may have been written: send them all
   * again. Their keys are their origins, so that a repeat does not count twice.
   */
  send(letters: readonly DeadLetter[]): Promise<void>
  close(): Promise<void>
}

/** Opens a channel at the first letter: most streams have none. A channel that failed once is never used again. */
export function createDeadLetterOutbox(open: () => Promise<DeadLetters>): DeadLetterOutbox {
  let channel: DeadLetters | null = null
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
        for (const letter of letters) channel.add(letter)
        await channel.flush()
      } catch (error) {
        await discard()
        throw error
      }
    },
    close: discard,
  }
}
