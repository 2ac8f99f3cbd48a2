/**
 * Finds the values at a few known paths of a JSON object in its bytes, in one pass that makes no objects. It says "I am
 * not sure" (false) for anything that JSON.parse might read otherwise: an escape in a key, a key of interest twice, bytes
 * that are not UTF-8, deep nesting, and all that is not JSON. The caller then takes the slow way.
 */
import { isUtf8 } from 'node:buffer'
import { maxJsonDepth } from './json.ts'
import type { JsonPath } from './json-path.ts'
import { sawEscape, sawNonAscii, skipString, skipValue, skipWhitespace } from './json-skip.ts'

export const jsonKind = {
  absent: 0,
  text: 1,
  /** With escapes: the bytes are not the text. */
  escapedText: 2,
  number: 3,
  true: 4,
  false: 5,
  null: 6,
  nested: 7,
} as const

export interface JsonScan {
  /** Fills `kinds`, `starts` and `ends`. False: nothing is certain, not even that this is JSON. */
  scan(buffer: Buffer, start: number, end: number): boolean
  /** By slot: what was found, and where; a text without its quotes. */
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** The slot of a path given at creation, or of a beginning of one. */
  slotOf(path: JsonPath): number
}

interface TrieNode {
  keys: Buffer[]
  slots: number[]
  children: (TrieNode | null)[]
  /** By a cheap hash of the key: index of the first candidate, or -1; then by index the next candidate. */
  first: Int8Array
  next: number[]
}

/** Null when one path leads through a value that another one takes whole: that needs the slow way. */
export function createJsonScan(paths: readonly JsonPath[]): JsonScan | null {
  const slotByPath = new Map<string, number>()
  const root = createNode()
  for (const path of paths) if (!addPath(root, path, slotByPath)) return null
  const kinds = new Uint8Array(slotByPath.size)
  const starts = new Int32Array(slotByPath.size)
  const ends = new Int32Array(slotByPath.size)
  const notes = new Uint8Array(1)

  return {
    kinds,
    starts,
    ends,

    scan(buffer, start, end) {
      for (let slot = 0; slot < kinds.length; slot++) kinds[slot] = jsonKind.absent
      notes[0] = 0
      let at = skipWhitespace(buffer, start, end)
      if (at >= end || buffer[at] !== 0x7b) return false
      at = scanObject(buffer, at, end, root, maxJsonDepth - 1)
      if (at < 0 || skipWhitespace(buffer, at, end) !== end) return false
      return ((notes[0] ?? 0) & sawNonAscii) === 0 || isUtf8(buffer.subarray(start, end))
    },

    slotOf(path) {
      const slot = slotByPath.get(JSON.stringify(path))
      if (slot === undefined) throw new Error(`the scan knows no path ${path.join('.')}`)
      return slot
    },
  }

  /** From the opening brace to after the closing one, or -1. */
  function scanObject(buffer: Buffer, start: number, end: number, node: TrieNode, depthLeft: number): number {
    let at = skipWhitespace(buffer, start + 1, end)
    if (at < end && buffer[at] === 0x7d) return at + 1
    for (;;) {
      if (at >= end || buffer[at] !== 0x22) return -1
      const keyStart = at + 1
      notes[0] = (notes[0] ?? 0) & ~sawEscape
      at = skipString(buffer, keyStart, end, notes)
      if (at < 0 || ((notes[0] ?? 0) & sawEscape) !== 0) return -1
      const entry = findKey(node, buffer, keyStart, at - 1)
      at = skipWhitespace(buffer, at, end)
      if (at >= end || buffer[at] !== 0x3a) return -1
      at = skipWhitespace(buffer, at + 1, end)
      at =
        entry < 0
          ? skipValue(buffer, at, end, depthLeft, notes)
          : scanEntry(buffer, at, end, node, entry, depthLeft)
      if (at < 0) return -1
      at = skipWhitespace(buffer, at, end)
      if (at >= end) return -1
      if (buffer[at] === 0x7d) return at + 1
      if (buffer[at] !== 0x2c) return -1
      at = skipWhitespace(buffer, at + 1, end)
    }
  }

  function scanEntry(
    buffer: Buffer,
    at: number,
    end: number,
    node: TrieNode,
    entry: number,
    depthLeft: number,
  ): number {
    const slot = node.slots[entry] ?? 0
    if (at >= end || kinds[slot] !== jsonKind.absent) return -1
    const child = node.children[entry] ?? null
    const first = buffer[at]
    if (child !== null && first === 0x7b) {
      kinds[slot] = jsonKind.nested
      return depthLeft === 0 ? -1 : scanObject(buffer, at, end, child, depthLeft - 1)
    }
    notes[0] = (notes[0] ?? 0) & ~sawEscape
    const after = skipValue(buffer, at, end, depthLeft, notes)
    const isText = first === 0x22
    kinds[slot] = isText && ((notes[0] ?? 0) & sawEscape) !== 0 ? jsonKind.escapedText : kindOf(first ?? 0)
    starts[slot] = isText ? at + 1 : at
    ends[slot] = isText ? after - 1 : after
    return after
  }
}

function kindOf(first: number): number {
  switch (first) {
    case 0x22:
      return jsonKind.text
    case 0x7b:
    case 0x5b:
      return jsonKind.nested
    case 0x74:
      return jsonKind.true
    case 0x66:
      return jsonKind.false
    case 0x6e:
      return jsonKind.null
    default:
      return jsonKind.number
  }
}

function createNode(): TrieNode {
  return { keys: [], slots: [], children: [], first: new Int8Array(64).fill(-1), next: [] }
}

function addPath(root: TrieNode, path: JsonPath, slotByPath: Map<string, number>): boolean {
  let node = root
  for (const [depth, key] of path.entries()) {
    const isLeaf = depth === path.length - 1
    const bytes = Buffer.from(key)
    let entry = findKey(node, bytes, 0, bytes.length)
    if (entry < 0) {
      entry = node.keys.length
      const bucket = bucketOf(bytes[0] ?? 0, bytes.length)
      const slot = slotByPath.size
      slotByPath.set(JSON.stringify(path.slice(0, depth + 1)), slot)
      node.keys.push(bytes)
      node.slots.push(slot)
      node.children.push(isLeaf ? null : createNode())
      node.next.push(node.first[bucket] ?? -1)
      node.first[bucket] = entry
    }
    const child = node.children[entry] ?? null
    if (isLeaf !== (child === null)) return false
    if (child !== null) node = child
  }
  return true
}

function findKey(node: TrieNode, buffer: Buffer, start: number, end: number): number {
  const length = end - start
  let entry = node.first[bucketOf(buffer[start] ?? 0, length)] ?? -1
  while (entry >= 0) {
    const key = node.keys[entry]
    if (key !== undefined && key.length === length && isEqual(key, buffer, start)) return entry
    entry = node.next[entry] ?? -1
  }
  return -1
}

function isEqual(key: Buffer, buffer: Buffer, start: number): boolean {
  for (let at = 0; at < key.length; at++) if (key[at] !== buffer[start + at]) return false
  return true
}

function bucketOf(firstByte: number, length: number): number {
  return (firstByte + length * 5) & 63
}
