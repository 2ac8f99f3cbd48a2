/**
 * How a process ends. One stop signal aborts once; a second one, later, kills at once.
 * A child of `up` has an IPC channel: there it ignores SIGINT/SIGTERM, which a terminal sends to the whole process
 * group, so that `up` can stop its children in order; it stops on the message `stop` or when the channel closes.
 */
export interface Lifecycle {
  /** Aborts when the process should stop. */
  readonly signal: AbortSignal
  stop(): void
}

/** npm sends on to its child what the terminal has already sent to both: one Ctrl-C arrives twice. */
const echoMs = 500

export function createLifecycle(): Lifecycle {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  // Defined for every child with a channel, also when its parent died before this line was reached.
  if (process.send) {
    process.on('SIGINT', () => {})
    process.on('SIGTERM', () => {})
    process.on('message', (message) => {
      if (message === 'stop') stop()
    })
    process.once('disconnect', stop)
    if (!process.connected) stop()
    return { signal: controller.signal, stop }
  }
  let firstMs: number | null = null
  const onSignal = (name: NodeJS.Signals): void => {
    firstMs ??= Date.now()
    if (Date.now() - firstMs > echoMs) process.exit(name === 'SIGINT' ? 130 : 143)
    stop()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return { signal: controller.signal, stop }
}

/** What a child of `up` tells it: that it serves, that it has caught up with its source, or facts of its progress. */
export interface ChildReport {
  kind: 'ready' | 'caught-up' | 'failed'
  [fact: string]: unknown
}

/** Reaches `up` if it is the parent; otherwise nothing happens. */
export function reportToParent(report: ChildReport): void {
  if (process.connected) process.send?.(report)
}

/** Resolves when the signal aborts, also when it already has. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) return done()
    signal.addEventListener('abort', () => done(), { once: true })
  })
}
