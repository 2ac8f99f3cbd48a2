import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { SetupError } from '../../../runtime/errors.ts'
import { readFileIfThere, replaceFile } from './durable-files.ts'

/** What is fixed when a data directory is made. */
export interface Meta {
  clusterId: string
  isNew: boolean
}

const fileName = 'meta.json'
const formatVersion = 1
const metaShape = z.object({ formatVersion: z.literal(formatVersion), clusterId: z.string().min(1) })

/** @throws {SetupError} when the directory was not made by this version, or not by us at all */
export async function openMeta(dir: string): Promise<Meta> {
  const path = join(dir, fileName)
  const bytes = await readFileIfThere(path)
  if (bytes) return parseMeta(path, bytes)
  // 16 bytes as Kafka's own ids, which some tools expect to be 22 characters.
  const clusterId = randomBytes(16).toString('base64url')
  await replaceFile(path, Buffer.from(`${JSON.stringify({ formatVersion, clusterId })}\n`), true)
  return { clusterId, isNew: true }
}

function parseMeta(path: string, bytes: Buffer): Meta {
  try {
    const { clusterId } = metaShape.parse(JSON.parse(bytes.toString()))
    return { clusterId, isNew: false }
  } catch (error) {
    throw new SetupError(
      `${path} is not of data format ${formatVersion}; start the version that wrote it, or use another directory`,
      error,
    )
  }
}
