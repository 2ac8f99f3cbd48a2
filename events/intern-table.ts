/**
 * Gives small numbers to texts by their UTF-8 bytes, so that a hot loop handles numbers. A text is made only when its
 * bytes are new. The last one is tried first, since equal ones come in runs; then a hash table is asked.
 */
export interface InternTable {
  /** The text's number, from 0 on; `refused` when it is new and the table does not take it. */
  intern(buffer: Buffer, start: number, end: number): number
  internText(text: string): number
  /** The text of a number that `intern` gave. */
  textOf(id: number): string
  readonly size: number
  /** Forgets everything; numbers start at 0 again. */
  reset(): void
}

export const refused = -2

export interface InternTableOptions {
  /** Texts of more bytes are refused. */
  maxBytes: number
  /** More texts are refused. */
  maxSize?: number
  /** Asked once for each new text; false refuses it. */
  accepts?: (text: string, bytes: Buffer) => boolean
}

const firstSlots = 256

export function createInternTable({ maxBytes, maxSize, accepts }: InternTableOptions): InternTable {
  const sizeLimit = maxSize ?? Number.MAX_SAFE_INTEGER
  let texts: string[] = []
  let spans = new Int32Array(2 * firstSlots)
  let bytes = Buffer.alloc(4_096)
  let bytesUsed = 0
  let slots = new Int32Array(firstSlots).fill(-1)
  let hashes = new Int32Array(firstSlots)
  let last = -1

  const table: InternTable = {
    get size() {
      return texts.length
    },

    intern(buffer, start, end) {
      if (last >= 0 && isEqual(last, buffer, start, end)) return last
      const hash = hashOf(buffer, start, end)
      const mask = slots.length - 1
      let slot = hash & mask
      for (let id = slots[slot] ?? -1; id >= 0; id = slots[slot] ?? -1) {
        if (hashes[id] === hash && isEqual(id, buffer, start, end)) {
          last = id
          return id
        }
        slot = (slot + 1) & mask
      }
      return add(buffer, start, end, hash)
    },

    internText(text) {
      const encoded = Buffer.from(text)
      return table.intern(encoded, 0, encoded.length)
    },

    textOf(id) {
      const text = texts[id]
      if (text === undefined) throw new Error(`no text has the number ${id}`)
      return text
    },

    reset() {
      texts = []
      bytesUsed = 0
      last = -1
      // A burst of new texts must not make every later reset slow.
      if (slots.length > 16 * firstSlots) slots = new Int32Array(firstSlots)
      slots.fill(-1)
    },
  }
  return table

  function isEqual(id: number, buffer: Buffer, start: number, end: number): boolean {
    const from = spans[2 * id] ?? 0
    const length = (spans[2 * id + 1] ?? 0) - from
    if (end - start !== length) return false
    for (let at = 0; at < length; at++) if (bytes[from + at] !== buffer[start + at]) return false
    return true
  }

  function add(buffer: Buffer, start: number, end: number, hash: number): number {
    if (end - start > maxBytes || texts.length >= sizeLimit) return refused
    const text = buffer.toString('utf8', start, end)
    if (accepts && !accepts(text, buffer.subarray(start, end))) return refused
    const id = texts.length
    makeRoom(id, end - start)
    buffer.copy(bytes, bytesUsed, start, end)
    spans[2 * id] = bytesUsed
    bytesUsed += end - start
    spans[2 * id + 1] = bytesUsed
    hashes[id] = hash
    texts.push(text)
    place(id, hash)
    last = id
    return id
  }

  function makeRoom(id: number, byteCount: number): void {
    if (bytesUsed + byteCount > bytes.length) {
      bytes = Buffer.concat([bytes.subarray(0, bytesUsed)], 2 * (bytesUsed + byteCount))
    }
    if (id === hashes.length) {
      hashes = grown(hashes)
      spans = grown(spans)
    }
    if (2 * (id + 1) > slots.length) {
      slots = new Int32Array(2 * slots.length).fill(-1)
      for (let other = 0; other < id; other++) place(other, hashes[other] ?? 0)
    }
  }

  function place(id: number, hash: number): void {
    const mask = slots.length - 1
    let slot = hash & mask
    while ((slots[slot] ?? -1) >= 0) slot = (slot + 1) & mask
    slots[slot] = id
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length)
  larger.set(array)
  return larger
}

/** FNV-1a, its high bits folded into the low ones that pick the slot. */
function hashOf(buffer: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (buffer[at] ?? 0), 0x01000193)
  return hash ^ (hash >>> 15)
}
