// What a newcomer does: `npm start`, look at a number, Ctrl-C. Free ports and a home of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
const home = mkdtempSync(join(tmpdir(), 'dataflow-ci-'))
const port = await freePort()
const began = Date.now()
const child = spawn('npm', ['start'], {
  env: { ...process.env, DATAFLOW_HOME: home, PORT: port, DATAFLOW_BROKER_PORT: await freePort() },
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: true,
})
const exited = new Promise((done) => child.once('exit', (code) => done(code)))
let total = 0
while (total !== 50_000 && Date.now() - began < 90_000 && child.exitCode === null) {
  await new Promise((done) => setTimeout(done, 200))
  const answer = await fetch(`http://127.0.0.1:${port}/analytics/types`).catch(() => null)
  if (answer?.ok) total = (await answer.json()).types.reduce((sum, type) => sum + type.total_events, 0)
}
console.log(`${total} events counted ${Date.now() - began} ms after npm start`)
process.kill(-child.pid, 'SIGINT')
const code = await exited
rmSync(home, { recursive: true, force: true })
console.log(`npm start ended with ${code}`)
process.exit(total === 50_000 && code === 0 ? 0 : 1)
