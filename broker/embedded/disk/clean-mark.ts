import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, replaceFile, syncDirectory } from './durable-files.ts'
import type { CleanEnd } from './recover-log.ts'

/** Partition (`topic/0`) -> where its log ended at an orderly stop. It lets the next start skip the check of the logs. */
export type CleanEnds = ReadonlyMap<string, CleanEnd>

const fileName = 'clean-stop.json'
const markShape = z.record(
  z.string(),
  z.object({ baseOffset: z.int(), byteLength: z.int(), nextOffset: z.int() }),
)

export async function writeCleanMark(dir: string, ends: CleanEnds): Promise<void> {
  const text = JSON.stringify(Object.fromEntries(ends))
  await replaceFile(join(dir, fileName), Buffer.from(text), true)
}

/** Reads the mark and removes it: it holds for one start only. @returns null after a crash */
export async function takeCleanMark(dir: string): Promise<CleanEnds | null> {
  const path = join(dir, fileName)
  const bytes = await readFileIfThere(path)
  if (!bytes) return null
  await rm(path)
  await syncDirectory(dir)
  const mark = markShape.safeParse(JSON.parse(bytes.toString()))
  return mark.success ? new Map(Object.entries(mark.data)) : null
}
