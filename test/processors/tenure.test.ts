import { expect, it } from 'vitest'
import { createTenures } from '../../processors/tenure.ts'
import { SetupError } from '../../runtime/errors.ts'

const never = new AbortController().signal

it('hands out an assignment once', async () => {
  const tenures = createTenures()
  tenures.onAssigned([0, 1], 4, 'member-1')

  const tenure = await tenures.next(never)

  expect(tenure).toMatchObject({ partitions: [0, 1], generationId: 4, memberId: 'member-1' })
  expect(tenure?.signal.aborted).toBe(false)
})

it('waits for the next assignment, which ends the one before', async () => {
  const tenures = createTenures()
  tenures.onAssigned([0, 1], 4, 'member-1')
  const first = await tenures.next(never)

  const waiting = tenures.next(never)
  tenures.onAssigned([0], 5, 'member-1')

  expect(await waiting).toMatchObject({ generationId: 5 })
  expect(first?.signal.aborted).toBe(true)
})

it('leaves out an assignment that was revoked before anybody served it', async () => {
  const tenures = createTenures()
  tenures.onAssigned([0, 1], 4, 'member-1')
  tenures.onRevoked()

  const waiting = tenures.next(never)
  tenures.onAssigned([1], 5, 'member-1')

  expect(await waiting).toMatchObject({ generationId: 5 })
})

it('returns null when the waiting is called off', async () => {
  const tenures = createTenures()
  const stop = new AbortController()

  const waiting = tenures.next(stop.signal)
  stop.abort()

  expect(await waiting).toBeNull()
})

it('ends the tenure at a crash, and says that joining anew mends it', async () => {
  const tenures = createTenures()
  tenures.onAssigned([0], 4, 'member-1')
  const tenure = await tenures.next(never)

  const waiting = tenures.next(never)
  tenures.onCrash(new Error('coordinator lost'))

  await expect(waiting).rejects.toMatchObject({ code: 'MEMBERSHIP_LOST', remedy: 'retry' })
  expect(tenure?.signal.aborted).toBe(true)
})

it('passes on a crash that only a person can mend', async () => {
  const tenures = createTenures()
  tenures.onCrash(new SetupError('wrong password'))

  await expect(tenures.next(never)).rejects.toThrow('wrong password')
})
