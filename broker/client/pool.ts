/** Open connections by address, one each. A broken one is replaced by the next call that needs it, after a wait. */
import type { Clock } from '../../runtime/clock.ts'
import { backoffMs } from '../../runtime/retry.ts'
import { type Connection, openConnection } from './connection.ts'
import { BrokerUnavailable } from './errors.ts'
import type { KafkaSettings } from './settings.ts'

export interface ConnectionPool {
  /** @throws {BrokerUnavailable} */
  to(address: string): Promise<Connection>
  close(): void
}

const baseBackoffMs = 50
const maxBackoffMs = 1_000

export function createConnectionPool(settings: KafkaSettings, clock: Clock): ConnectionPool {
  const opening = new Map<string, Promise<Connection>>()
  const open = new Map<string, Connection>()
  const failures = new Map<string, number>()
  const closing = new AbortController()

  const connect = async (address: string): Promise<Connection> => {
    const failed = failures.get(address) ?? 0
    if (failed > 0) {
      const waitMs = backoffMs(failed, { baseMs: baseBackoffMs, maxMs: maxBackoffMs })
      await clock.sleep(waitMs, closing.signal)
    }
    throwIfClosed()
    failures.set(address, failed + 1)
    const connection = await openConnection(address, settings, closing.signal).catch((error: unknown) => {
      throwIfClosed()
      throw error
    })
    throwIfClosed()
    failures.delete(address)
    open.set(address, connection)
    return connection
  }
  const throwIfClosed = (): void => {
    if (closing.signal.aborted) throw new BrokerUnavailable('this client is closed')
  }
  return {
    async to(address) {
      throwIfClosed()
      const known = open.get(address)
      if (known?.isOpen) return known
      open.delete(address)
      const shared = opening.get(address) ?? connect(address).finally(() => opening.delete(address))
      opening.set(address, shared)
      return shared
    },
    close() {
      closing.abort()
      for (const connection of open.values()) connection.close()
      open.clear()
    },
  }
}
