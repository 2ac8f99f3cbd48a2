import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The folder of package.json, from the sources as from dist/. */
export const packageRoot = findRoot(import.meta.dirname)

export function packageFile(name: string, encoding: 'utf8'): Promise<string> {
  return readFile(join(packageRoot, name), encoding)
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
