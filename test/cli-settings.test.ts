import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { commands } from '../cli/commands.ts'
import { loadConfig, settingNames } from '../runtime/config.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(resolve(root, file), 'utf8')

it('.env.example names every setting once, with its default, and is itself a working .env', () => {
  const lines = read('.env.example').split('\n')
  const named = lines.flatMap((line) => /^# ?([A-Z_0-9]+)=/.exec(line)?.[1] ?? [])

  expect(named).toEqual([...settingNames])
  for (const { name, value, meaning } of loadConfig({}, {}, {}).report) {
    expect(lines).toContain(`# ${name}=${value ?? ''}`)
    expect(read('.env.example')).toContain(meaning)
  }
})

it('README shows every command that exists, and no other', () => {
  const readme = read('README.md')
  const shown = new Set([...readme.matchAll(/npx dataflow ([a-z]+)/g)].map(([, name = '']) => name))
  const table = [...readme.matchAll(/^\| ((?:`[a-z]+`(?:, )?)+) \|/gm)].flatMap(
    ([, cell = '']) => cell.match(/[a-z]+/g) ?? [],
  )

  expect(table.sort()).toEqual(Object.keys(commands).sort())
  expect([...shown].filter((name) => name !== 'help' && commands[name] === undefined)).toEqual([])
})

it('README and docs name only settings that exist', () => {
  const known = new Set<string>([
    ...settingNames,
    'KAFKA_HEAP_OPTS',
    'AWS_PROFILE',
    'OPENAI_API_KEY',
    'COMMAND',
    'DIR',
  ])
  const files = ['README.md', 'docs/architecture.md', 'docs/delivery.md']

  for (const file of files)
    for (const [, name = ''] of read(file).matchAll(
      /\b((?:KAFKA|RAW|TABLE|AWS|EVENT|EVENTS|DATAFLOW)_[A-Z_]+)\b/g,
    ))
      expect(known, `${name} in ${file}`).toContain(name)
})
