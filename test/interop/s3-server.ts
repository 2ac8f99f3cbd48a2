/**
 * Starts a real S3 server, moto, for the interop suites, and runs the AWS command line against it.
 * Why moto, and why its writes are serialised here: docs/decisions/0003-s3-server-for-interop.md.
 *
 * Both come from PyPI into a virtual environment, `.interop/s3/`. Objects live in the server's memory and go with it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { S3Settings } from '../../storage/index.ts'

const run = promisify(execFile)
const packages = ['moto[s3]==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5', 'awscli==1.46.3']
const venvDir = resolve(import.meta.dirname, '../../.interop/s3')

export interface S3Server {
  /** `http://127.0.0.1:<port>`, for AWS_ENDPOINT_URL. */
  endpoint: string
  /** Those of `endpoint`, for openStore. */
  settings: Required<Pick<S3Settings, 'endpoint' | 'region' | 'accessKeyId' | 'secretAccessKey'>>
  /** The same as environment variables, for a child process. */
  env: Record<string, string>
  makeBucket(name: string): Promise<void>
  /** Runs `aws --endpoint-url=<endpoint> …`; gives its standard output, throws with its standard error. */
  aws(...args: string[]): Promise<string>
  close(): Promise<void>
}

/** Why the server cannot run here, or null when it can. */
export async function s3Unavailable(): Promise<string | null> {
  try {
    await run('python3', ['-c', 'import venv, sys; assert sys.version_info >= (3, 10)'])
    return null
  } catch {
    return 'python3 (3.10 or newer, with venv) is missing; the S3 server moto needs it'
  }
}

export async function startS3Server(): Promise<S3Server> {
  await install()
  const child = spawn(join(venvDir, 'bin/python'), ['-c', launcher], { stdio: ['pipe', 'pipe', 'pipe'] })
  const port = await portOf(child)
  const endpoint = `http://127.0.0.1:${port}`
  const settings = { endpoint, region: 'us-east-1', accessKeyId: 'test', secretAccessKey: 'test' }
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_DEFAULT_REGION: settings.region,
    AWS_ACCESS_KEY_ID: settings.accessKeyId,
    AWS_SECRET_ACCESS_KEY: settings.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  return {
    endpoint,
    settings,
    env,
    async makeBucket(name) {
      const { status } = await fetch(`${endpoint}/${name}`, { method: 'PUT' })
      if (status !== 200) throw new Error(`bucket ${name} was not made: ${status}`)
    },
    async aws(...args) {
      const { stdout } = await run(join(venvDir, 'bin/aws'), [`--endpoint-url=${endpoint}`, ...args], {
        env: { ...process.env, ...env },
      })
      return stdout
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

// One step for "is it free" and "store it": moto checks and then acts, each request in a thread of its own.
// It ends with its standard input, so that it never outlives a killed test run.
const launcher = `
import os, sys, threading
from werkzeug.serving import make_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

app = DomainDispatcherApplication(create_backend_app)
writing = threading.Lock()

def serve(environ, start_response):
    if environ['REQUEST_METHOD'] in ('GET', 'HEAD'):
        return app(environ, start_response)
    with writing:
        return app(environ, start_response)

server = make_server('127.0.0.1', 0, serve, threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
`

async function portOf(child: ChildProcess): Promise<number> {
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('the S3 server has no pipes')
  let complaint = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4_000)
  })
  for await (const line of createInterface({ input: stdout })) return Number(line)
  throw new Error(`the S3 server did not start:\n${complaint}`)
}

/** The marker names the versions and is written last, so a half-done install is never taken for a whole one. */
async function install(): Promise<void> {
  const marker = join(venvDir, `installed ${packages.join(' ')}`)
  const isInstalled = await access(marker).then(
    () => true,
    () => false,
  )
  if (isInstalled) return
  await mkdir(venvDir, { recursive: true })
  await run('python3', ['-m', 'venv', venvDir])
  await run(join(venvDir, 'bin/pip'), [
    'install',
    '--quiet',
    '--no-compile',
    '--disable-pip-version-check',
    ...packages,
  ])
  await writeFile(marker, '')
}
