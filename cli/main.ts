#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'

// A reader such as `head` that has seen enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})
process.exitCode = await runCommandLine(process.argv.slice(2))
// The channel to `up` would keep a finished child alive.
if (process.connected) process.disconnect()
