/**
 * A small world in which members of a group run INIT and FLUSH, and everything that can go wrong does, drawn from a
 * seed. Every piece of IO stops at a gate before and after it is done; the world opens one gate at a time. So a member
 * can be killed, or paused until its partitions are another's, between any two steps of its own or of the table's.
 */
import { setImmediate as settled } from 'node:timers/promises'
import { BrokerUnavailable } from '../../../broker/client/errors.ts'
import { flush } from '../../../processors/flush.ts'
import { initialise } from '../../../processors/initialise.ts'
import { createTenure, type Tenure } from '../../../processors/tenure.ts'
import { whileHeld } from '../../../processors/while-held.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { createMemoryStore, type ObjectStore, type StoreFault } from '../../../storage/index.ts'
import { type PartitionProgress, readProgress } from '../../../table/progress.ts'
import type { TableRows } from '../../../table/rows.ts'
import { type BareTable, openBareTable, trustingOldNews } from './bare-table.ts'
import { readInitCommits, timesCounted } from './counted.ts'
import { createFakeGroup } from './fake-group.ts'
import { createRandom } from './random.ts'
import { isBad, sealedTo } from './sealed.ts'

export interface WorldOptions {
  seed: number
  /** Gates opened in disorder before the world heals and one good member finishes. */
  disorderSteps: number
  /** Takes a guard away, to see that its absence is noticed. */
  withoutSwap?: boolean
}

export interface Outcome {
  /** Offsets counted nowhere and in no recorded gap, dead letters included. */
  lost: number
  /** Offsets counted more than once. */
  doubled: number
  /** Times INIT refused to go on because table, log and group contradict each other. */
  halted: number
  /** What happened, so that a run which tests nothing is noticed. */
  commits: number
  crashes: number
  zombies: number
  storeFaults: number
  gapOffsets: number
}

interface Member {
  id: string
  alive: boolean
  paused: boolean
  tenure: Tenure | null
  offer: ((tenure: Tenure) => void) | null
  offered: Tenure | null
}
interface Gate {
  member: Member | null
  open: () => void
}

const key = { group: 'dataflow', topic: 'events' }
const options = { ...key, startAt: 'earliest' } as const
const partitions = [0, 1, 2]
const maxHealingSteps = 20_000

export async function runWorld({ seed, disorderSteps, withoutSwap = false }: WorldOptions): Promise<Outcome> {
  const random = createRandom(seed)
  const chance = (probability: number): boolean => random() < probability
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  const gates: Gate[] = []
  const members: Member[] = []
  const files = new Map<string, TableRows>()
  const letters = new Set<string>()
  const group = createFakeGroup(
    Object.fromEntries(partitions.map((partition) => [partition, { startOffset: 0, endOffset: 5 }])),
  )
  const counts = { crashes: 0, zombies: 0, storeFaults: 0, halted: 0 }
  let disorder = true
  let nowMs = 1_000_000
  let born = 0

  const gate = (member: Member | null): Promise<void> =>
    new Promise((open) => {
      if (member?.alive !== false) gates.push({ member, open })
    })
  /** A call that a kill or a pause may cut off before it is done, or after, when only the answer is lost. */
  const remote = async <T>(member: Member, work: () => Promise<T>): Promise<T> => {
    await gate(member)
    try {
      return await work()
    } finally {
      await gate(member)
    }
  }
  const storeFault = (): StoreFault | undefined => {
    if (!disorder || chance(0.75)) return undefined
    counts.storeFaults++
    return pick<StoreFault>(['unavailable', 'lost_answer', 'false_exists', { landsAfter: gate(null) }])
  }
  const store = createMemoryStore({
    nowMs: () => nowMs,
    faults: (operation) => (operation === 'putIfAbsent' ? storeFault() : undefined),
  })
  const clockOf = (member: Member): Clock => ({ nowMs: () => nowMs, sleep: () => gate(member) })
  const storeOf = (member: Member): ObjectStore => ({
    ...store,
    async get(name, range) {
      await gate(member)
      return store.get(name, range)
    },
    putIfAbsent: (name, body) => remote(member, () => store.putIfAbsent(name, body)),
    async *list(asked) {
      await gate(member)
      yield* store.list(asked)
    },
  })
  const brokerFails = (): void => {
    if (disorder && chance(0.08)) throw new BrokerUnavailable('the broker is away')
  }

  async function runMember(member: Member): Promise<void> {
    const clock = clockOf(member)
    const opened = await openBareTable({ store: storeOf(member), clock, files })
    const table = withoutSwap ? trustingOldNews(opened) : opened
    const parts = {
      clock,
      table,
      log: silentLogger,
      onStep: () => (chance(0.3) ? gate(member) : undefined),
      deadLetters: {
        send: (sent: readonly { origin: string }[]) =>
          remote(member, async () => {
            brokerFails()
            for (const { origin } of sent) letters.add(origin)
            brokerFails()
          }),
      },
      kafka: {
        async listOffsets(...asked: Parameters<typeof group.kafka.listOffsets>) {
          await gate(member)
          return group.kafka.listOffsets(...asked)
        },
        async committedOffsets(...asked: Parameters<typeof group.kafka.committedOffsets>) {
          await gate(member)
          return group.kafka.committedOffsets(...asked)
        },
        commitOffsets: (...asked: Parameters<typeof group.kafka.commitOffsets>) =>
          remote(member, async () => {
            brokerFails()
            await group.kafka.commitOffsets(...asked)
            brokerFails()
          }),
      },
    }
    for (;;) {
      const tenure = await nextTenure(member)
      const held = new Map<number, PartitionProgress>()
      const place = async (wanted: readonly number[]): Promise<void> => {
        for (const partition of wanted) held.delete(partition)
        const placed = await whileHeld(parts, { signal: tenure.signal, doing: 'place' }, () =>
          initialise(parts, options, tenure, wanted),
        )
        if (placed?.kind === 'ready') for (const one of placed.positions) held.set(one.partition, one)
        if (placed?.kind === 'ready') counts.halted += placed.halted.length
      }
      await place(tenure.partitions)
      while (!tenure.signal.aborted) {
        await gate(member)
        const overtaken = [...held.values()].filter(
          ({ partition, nextOffset }) => nextOffset < (group.logs.get(partition)?.startOffset ?? 0),
        )
        if (overtaken.length > 0) {
          await place(overtaken.map(({ partition }) => partition))
          continue
        }
        const sealed = [...held.values()].map((one) => {
          const unread = (group.logs.get(one.partition)?.endOffset ?? 0) - one.nextOffset
          return sealedTo(one, one.nextOffset + Math.ceil(random() * unread))
        })
        const result = await flush(parts, key, tenure, sealed)
        if (result.kind === 'ended') break
        for (const { partition, hi } of sealed) {
          const before = held.get(partition)
          if (before) held.set(partition, { ...before, nextOffset: hi, watermarkMs: hi * 1_000 })
        }
        if (result.lost.length > 0) await place(result.lost)
      }
      tenure.end()
    }
  }
  const nextTenure = async (member: Member): Promise<Tenure> => {
    for (;;) {
      const offered = member.offered
      member.offered = null
      if (offered && !offered.signal.aborted) return offered
      await new Promise<void>((resolve) => {
        member.offer = () => resolve()
      })
    }
  }

  const failures: unknown[] = []
  const addMember = (): void => {
    const member: Member = {
      id: `member-${++born}`,
      alive: true,
      paused: false,
      tenure: null,
      offer: null,
      offered: null,
    }
    members.push(member)
    runMember(member).catch((error: unknown) => failures.push(error))
  }
  /** A new generation of the members that the group still hears. They learn of it each in their own time. */
  const rebalance = (): void => {
    const heard = members.filter(({ alive, paused }) => alive && !paused)
    if (heard.length === 0) return
    group.generationId++
    group.members = new Set(heard.map(({ id }) => id))
    const { generationId } = group
    for (const [at, member] of heard.entries()) {
      const share = partitions.filter((partition) => partition % heard.length === at)
      const tenure = createTenure(share, generationId, member.id)
      void gate(member).then(() => {
        if ((member.tenure?.generationId ?? 0) > generationId) return
        member.tenure?.end()
        member.tenure = tenure
        member.offered = tenure
        member.offer?.(tenure)
      })
    }
  }
  const mischief = (): void => {
    nowMs += chance(0.05) ? 5_000 : Math.floor(random() * 50)
    const log = group.logs.get(pick(partitions) ?? 0)
    if (log && chance(0.2)) log.endOffset += Math.ceil(random() * 4)
    if (log && chance(0.005)) log.startOffset = Math.floor(random() * (log.endOffset + 1))
    if (chance(0.01)) group.committed.clear() // expired, or the group was deleted
    const member = pick(members.filter(({ alive }) => alive))
    if (member && chance(0.006)) {
      member.alive = false
      counts.crashes++
      addMember()
    }
    if (member?.paused && chance(0.1)) member.paused = false
    else if (member && chance(0.03)) {
      counts.zombies++
      member.paused = true
      if (chance(0.8)) rebalance()
    }
    if (chance(0.01)) rebalance()
  }
  const openOne = async (): Promise<void> => {
    const ready = gates.filter(({ member }) => member === null || (member.alive && !member.paused))
    const chosen = pick(ready)
    if (chosen) gates.splice(gates.indexOf(chosen), 1)
    chosen?.open()
    await settled()
    if (failures.length > 0) throw failures[0]
  }
  const finished = (progress: Map<number, PartitionProgress>): boolean =>
    partitions.every(
      (partition) => progress.get(partition)?.nextOffset === group.logs.get(partition)?.endOffset,
    )

  addMember()
  addMember()
  rebalance()
  for (let step = 0; step < disorderSteps; step++) {
    mischief()
    await openOne()
  }
  // The world heals: nothing fails any more, zombies come back with what they held, and the group finds its order.
  disorder = false
  for (const member of members) member.paused = false
  addMember()
  rebalance()
  const observer: BareTable = await openBareTable({
    store,
    clock: { nowMs: () => nowMs, sleep: () => settled() },
    files,
  })
  for (let step = 0; ; step++) {
    nowMs += 10
    await openOne()
    if (step % 50 === 49) rebalance()
    if (counts.halted > 0) break
    if (step % 10 === 9 && gates.every(({ member }) => member !== null)) {
      if (finished(readProgress(await observer.refresh(), key))) break
    }
    if (step === maxHealingSteps) throw new Error('the world does not heal')
  }

  const snapshot = await observer.refresh()
  const { gaps, firstPositions } = await readInitCommits(store, snapshot.version)
  const times = timesCounted(snapshot, files)
  let lost = 0
  let doubled = 0
  let gapOffsets = 0
  for (const [partition, { endOffset }] of group.logs) {
    for (let offset = firstPositions.get(partition) ?? 0; offset < endOffset; offset++) {
      const excused = gaps.some((gap) => gap.partition === partition && gap.from <= offset && offset < gap.to)
      const counted = isBad(offset)
        ? Number(letters.has(`${key.topic}/${partition}/${offset}`))
        : (times.get(partition)?.get(offset) ?? 0)
      if (excused) gapOffsets++
      if (counted === 0 && !excused) lost++
      if (counted > 1) doubled++
    }
  }
  return { lost, doubled, commits: snapshot.version, gapOffsets, ...counts }
}
