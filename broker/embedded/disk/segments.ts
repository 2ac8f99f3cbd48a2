import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readFileIfThere, replaceFile } from './durable-files.ts'
import { decodeSparseIndex, type SparseIndex } from './sparse-index.ts'

/** One log file of a partition, named after its first offset; the newest is the one written to. */
export interface Segment {
  readonly baseOffset: number
  readonly path: string
  readonly createdMs: number
  index: SparseIndex
  /** What was written. */
  byteLength: number
  nextOffset: number
}

export interface SegmentFile {
  baseOffset: number
  path: string
  byteLength: number
  createdMs: number
}

const suffix = '.log'

export function segmentPath(dir: string, baseOffset: number): string {
  return join(dir, `${String(baseOffset).padStart(20, '0')}${suffix}`)
}

export async function listSegmentFiles(dir: string): Promise<SegmentFile[]> {
  const names = (await readdir(dir)).filter((name) => /^\d{20}\.log$/.test(name)).sort()
  const files: SegmentFile[] = []
  for (const name of names) {
    const path = join(dir, name)
    const { size, birthtimeMs, mtimeMs } = await stat(path)
    const baseOffset = Number(name.slice(0, -suffix.length))
    files.push({ baseOffset, path, byteLength: size, createdMs: birthtimeMs || mtimeMs })
  }
  return files
}

/** @throws if the file is there already: two logs must never share one */
export async function createSegmentFile(path: string): Promise<void> {
  await (await open(path, 'wx')).close()
}

export async function writeIndex(segment: Segment): Promise<void> {
  // Not made durable: an index that does not fit its log is rebuilt.
  await replaceFile(indexPath(segment.path), segment.index.encode(segment), false)
}

/** @returns null when the index must be rebuilt from the log */
export async function readIndex(
  file: SegmentFile,
): Promise<{ index: SparseIndex; nextOffset: number } | null> {
  const bytes = await readFileIfThere(indexPath(file.path))
  return bytes && decodeSparseIndex(bytes, file)
}

export async function removeSegmentFiles(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(indexPath(path), { force: true })
}

/** Keeps a log that does not continue the one before it, out of the way, for a person to look at. */
export async function setAside(path: string): Promise<string> {
  const aside = `${path}.bad`
  await rename(path, aside)
  await rm(indexPath(path), { force: true })
  return aside
}

/** Index in the list of the segment that may hold an offset; -1 if all begin later. */
export function segmentIndexOf(segments: readonly Segment[], offset: number): number {
  return segments.findLastIndex((segment) => segment.baseOffset <= offset)
}

const indexPath = (logPath: string): string => `${logPath.slice(0, -suffix.length)}.idx`
