/**
 * Groups in typed arrays, found by an open-addressing hash table:
 *
 *   slots    [ -1 | 2 | -1 | 0 | 1 | ... ]      group at hash(key), or at the next free slot after it
 *   keys     [ type, dimension, dimension | type, ... ]
 *   numbers  [ window start, offsets, count, sums, ... | window start, ... ]   one group's lie side by side
 *
 * The tables double when they are half full; the arrays are replaced then, so take `numbers` anew after `indexOf`.
 */
export interface GroupTable {
  readonly count: number
  readonly numbers: Float64Array
  readonly keys: Int32Array
  /** The group's place; a new group starts out with nothing counted. */
  indexOf(typeId: number, windowStartMs: number, dimensionIds: Int32Array): number
  clear(): void
}

/** Where a group's numbers lie within its share of `numbers`. */
export const field = {
  windowStartMs: 0,
  firstOffset: 1,
  lastOffset: 2,
  count: 3,
  lateCount: 4,
  valueCount: 5,
  valueSum: 6,
  valueSumLo: 7,
  valueMin: 8,
  valueMax: 9,
} as const
export const fieldsPerGroup = 10

const firstCapacity = 1_024

export function createGroupTable(dimensionCount: number): GroupTable {
  const keysPerGroup = 1 + dimensionCount
  let count = 0
  let capacity = 0
  let slots = new Int32Array(0)
  let keys = new Int32Array(0)
  let numbers = new Float64Array(0)
  clear()

  return {
    get count() {
      return count
    },
    get numbers() {
      return numbers
    },
    get keys() {
      return keys
    },
    clear,

    indexOf(typeId, windowStartMs, dimensionIds) {
      const mask = slots.length - 1
      let slot = hashOf(typeId, windowStartMs, dimensionIds, 0) & mask
      for (let group = slots[slot] ?? -1; group >= 0; group = slots[slot] ?? -1) {
        if (isGroup(group, typeId, windowStartMs, dimensionIds)) return group
        slot = (slot + 1) & mask
      }
      if (count === capacity) {
        grow()
        slot = freeSlot(hashOf(typeId, windowStartMs, dimensionIds, 0))
      }
      slots[slot] = count
      return append(typeId, windowStartMs, dimensionIds)
    },
  }

  function clear(): void {
    count = 0
    // A backlog's many groups must not make every later flush walk large tables.
    if (capacity !== firstCapacity) {
      capacity = firstCapacity
      slots = new Int32Array(2 * capacity)
      keys = new Int32Array(capacity * keysPerGroup)
      numbers = new Float64Array(capacity * fieldsPerGroup)
    }
    slots.fill(-1)
  }

  function isGroup(group: number, typeId: number, startMs: number, dimensionIds: Int32Array): boolean {
    const key = group * keysPerGroup
    if (keys[key] !== typeId || numbers[group * fieldsPerGroup] !== startMs) return false
    for (let column = 0; column < dimensionCount; column++) {
      if (keys[key + 1 + column] !== dimensionIds[column]) return false
    }
    return true
  }

  function append(typeId: number, startMs: number, dimensionIds: Int32Array): number {
    const group = count++
    const key = group * keysPerGroup
    keys[key] = typeId
    for (let column = 0; column < dimensionCount; column++) {
      keys[key + 1 + column] = dimensionIds[column] ?? -1
    }
    const at = group * fieldsPerGroup
    numbers.fill(0, at, at + fieldsPerGroup)
    numbers[at + field.windowStartMs] = startMs
    numbers[at + field.valueMin] = Number.POSITIVE_INFINITY
    numbers[at + field.valueMax] = Number.NEGATIVE_INFINITY
    return group
  }

  function grow(): void {
    capacity *= 2
    const [oldKeys, oldNumbers] = [keys, numbers]
    keys = new Int32Array(capacity * keysPerGroup)
    keys.set(oldKeys)
    numbers = new Float64Array(capacity * fieldsPerGroup)
    numbers.set(oldNumbers)
    slots = new Int32Array(2 * capacity).fill(-1)
    for (let group = 0; group < count; group++) {
      const key = group * keysPerGroup
      const hash = hashOf(keys[key] ?? 0, numbers[group * fieldsPerGroup] ?? 0, keys, key + 1)
      slots[freeSlot(hash)] = group
    }
  }

  function freeSlot(hash: number): number {
    const mask = slots.length - 1
    let slot = hash & mask
    while ((slots[slot] ?? -1) >= 0) slot = (slot + 1) & mask
    return slot
  }

  /** Dimension ids are read from `ids` at `from`. */
  function hashOf(typeId: number, startMs: number, ids: Int32Array, from: number): number {
    // The start's upper bits count too: with windows of 2^32 ms or fractions of it the lower ones are all alike.
    const high = Math.floor(startMs / 2 ** 32) | 0
    let hash =
      Math.imul(typeId + 1, 0x9e3779b1) ^ Math.imul((startMs | 0) ^ Math.imul(high, 0x27d4eb2f), 0x85ebca6b)
    for (let column = 0; column < dimensionCount; column++) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ ((ids[from + column] ?? 0) + 3), 0xc2b2ae35)
    }
    return hash ^ (hash >>> 16)
  }
}
