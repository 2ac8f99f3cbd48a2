/**
 * Cuts a byte stream into frames: i32 length, then that many bytes.
 * Each frame gets a buffer of its own, because a view into the socket's slab would keep all of the slab alive.
 */
export interface FrameAssembler {
  /** @throws {BadFrameLength} after which nothing more can be read from this stream */
  push(chunk: Buffer): Buffer[]
}

/** Not a Kafka request: a length below a header's or above the limit. `firstBytes` helps to say what it was instead. */
export class BadFrameLength extends Error {
  readonly lengthBytes: number
  readonly firstBytes: Buffer

  constructor(lengthBytes: number, firstBytes: Buffer) {
    super(`frame length ${lengthBytes} is out of bounds`)
    this.name = 'BadFrameLength'
    this.lengthBytes = lengthBytes
    this.firstBytes = firstBytes
  }
}

const minFrameBytes = 8
/** Larger frames grow as their bytes arrive: a length alone must not make us allocate. */
const trustedBytes = 1024 * 1024

export function createFrameAssembler(maxFrameBytes: number): FrameAssembler {
  const prefix = Buffer.alloc(4)
  let prefixFilled = 0
  let frame: Buffer | null = null
  let filled = 0
  let wanted = 0

  return {
    push(chunk) {
      const frames: Buffer[] = []
      for (let at = 0; at < chunk.length; ) {
        if (frame === null) {
          const taken = Math.min(4 - prefixFilled, chunk.length - at)
          chunk.copy(prefix, prefixFilled, at, at + taken)
          prefixFilled += taken
          at += taken
          if (prefixFilled < 4) break
          wanted = prefix.readInt32BE(0)
          if (wanted < minFrameBytes || wanted > maxFrameBytes) throw new BadFrameLength(wanted, prefix)
          frame = Buffer.allocUnsafeSlow(Math.min(wanted, trustedBytes))
          filled = 0
          prefixFilled = 0
          continue
        }
        const taken = Math.min(wanted - filled, chunk.length - at)
        frame = withRoomFor(frame, filled, taken, wanted)
        chunk.copy(frame, filled, at, at + taken)
        filled += taken
        at += taken
        if (filled < wanted) break
        frames.push(frame)
        frame = null
      }
      return frames
    },
  }
}

function withRoomFor(frame: Buffer, filled: number, more: number, wanted: number): Buffer {
  if (filled + more <= frame.length) return frame
  const larger = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(2 * frame.length, filled + more)))
  frame.copy(larger, 0, 0, filled)
  return larger
}
