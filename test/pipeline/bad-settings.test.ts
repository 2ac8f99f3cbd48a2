import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createProduct, eventually, freePort, type Product } from './product.ts'

const product: Product = await createProduct()
afterAll(() => product.close())

/** One line that names the remedy, and exit code 2. */
async function expectRefusal(args: readonly string[], message: RegExp, of: Product = product): Promise<void> {
  const { code, stderr } = await of.run(args)
  expect(stderr).toMatch(message)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(code).toBe(2)
}

it.each([
  ['an unknown DATAFLOW_ variable', { DATAFLOW_PROT: '1' }, /DATAFLOW_PROT is not a setting/],
  ['KAFKA_BROKER', { KAFKA_BROKER: 'k:9092' }, /did you mean KAFKA_BROKERS\?/],
  [
    'a missing RAW_URL',
    { DATAFLOW_EMBEDDED: 'never', KAFKA_BROKERS: 'k:1', TABLE_URL: 'file:t' },
    /RAW_URL is not set.*set RAW_URL/,
  ],
  ['a HOST open to the network', { HOST: '0.0.0.0' }, /no authentication yet.*--insecure/],
  [
    'a home below a file',
    { DATAFLOW_HOME: '/etc/hostname/home' },
    /cannot write to \/etc\/hostname\/home.*set DATAFLOW_HOME/,
  ],
  ['a home that is a file', { DATAFLOW_HOME: '/etc/hostname' }, /cannot write to \/etc\/hostname/],
  ['a raw folder that is not there', { RAW_URL: 'file:/nowhere/raw' }, /\/nowhere\/raw.*mkdir/],
])('refuses %s with one clear line', async (_name, env, message) => {
  const odd = await createProduct(env)
  await expectRefusal(['up'], message, odd)
  await odd.close()
})

it('names the setting when a port is taken', async () => {
  const server = createServer()
  const port = await freePort()
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))

  await expectRefusal(['up', '--port', String(port)], new RegExp(`port ${port} on 127.0.0.1 is taken.*PORT`))
  await expectRefusal(['up', '--dataflow-broker-port', String(port)], /is taken.*DATAFLOW_BROKER_PORT/)
  await expectRefusal(['broker', '--port', String(port)], /is taken.*DATAFLOW_BROKER_PORT/)
  server.close()
})

it('refuses a second broker on one folder', async () => {
  const first = product.spawn(['broker'])
  await eventually(
    async () => first.output(),
    20_000,
    (output) => output.includes('broker on'),
  )

  await expectRefusal(['broker', '--port', String(await freePort())], /broker.*(already|another)/i)
  first.child.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)
})

it('tells where Kafka was looked for when none answers', async () => {
  await expectRefusal(
    ['consume', '--kafka-brokers', `127.0.0.1:${await freePort()}`],
    /no Kafka broker answers at 127.0.0.1:\d+.*KAFKA_BROKERS/,
  )
})

it('corrects a command or flag that is nearly right', async () => {
  await expectRefusal(['porduce'], /did you mean produce\?/)
  await expectRefusal(['consume', '--from-begining'], /did you mean --from-beginning\?/)
})

it('reads .env in the working directory and shows where each setting came from', async () => {
  await writeFile(join(product.home, '.env'), 'KAFKA_TOPIC=from.dotenv\nAWS_SECRET_ACCESS_KEY=hush\n')

  const { stdout, code } = await product.run(['config', '--window-size', '5m'])

  expect(code).toBe(0)
  expect(stdout).toMatch(/KAFKA_TOPIC\s+from\.dotenv\s+\.env/)
  expect(stdout).toMatch(/WINDOW_SIZE\s+5m\s+flag/)
  expect(stdout).not.toContain('hush')
})
