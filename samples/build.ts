/**
 * Writes samples/events.ndjson.gz into the working directory's samples folder, from nothing but the seed:
 *   npm run build && node dist/samples/build.js
 */
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { sampleNdjson } from './sample-file.ts'

// Node's gzip header carries no time and no name, so equal text makes equal bytes for one version of zlib.
writeFileSync('samples/events.ndjson.gz', gzipSync(sampleNdjson(), { level: 9 }))
