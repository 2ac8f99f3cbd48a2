// Prints "PASSED FAILED" of a vitest JSON report. A skipped test in CI is a failure: nothing may be missing there.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const skipped = report.numPendingTests + report.numTodoTests
if (skipped > 0) console.error(`${skipped} skipped tests count as failed in CI`)
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length
console.log(report.numPassedTests, report.numFailedTests + skipped + brokenFiles)
