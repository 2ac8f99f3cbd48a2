// Fails when node_modules takes more than the given megabytes on disk.
import { execFileSync } from 'node:child_process'

const limitMb = Number(process.argv[2])
const [mb] = execFileSync('du', ['-sm', 'node_modules'], { encoding: 'utf8' }).split('\t')
console.log(`node_modules: ${mb} MB, limit ${limitMb} MB`)
if (Number(mb) > limitMb) process.exit(1)
