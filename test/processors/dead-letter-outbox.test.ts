import { expect, it } from 'vitest'
import { type DeadLetter, PublishFailed } from '../../broker/index.ts'
import { createDeadLetterOutbox } from '../../processors/dead-letter-outbox.ts'

const letter = (offset: number): DeadLetter => ({
  origin: `events/0/${offset}`,
  value: null,
  reason: 'not_json',
  message: '',
  stage: 'process',
  timeMs: 0,
})

/** Channels that keep what was acknowledged; the first one fails as told. */
function setUp({ failFirst }: { failFirst: boolean }) {
  const acknowledged: string[][] = []
  const closed: number[] = []
  const outbox = createDeadLetterOutbox(async () => {
    const channel = acknowledged.length
    const mine: string[] = []
    acknowledged.push(mine)
    const added: string[] = []
    return {
      add: ({ origin }) => added.push(origin),
      flush: async () => {
        if (failFirst && channel === 0) throw new PublishFailed('events.dlq', 'timed out')
        mine.push(...added.splice(0))
      },
      close: async () => {
        closed.push(channel)
      },
    }
  })
  return { outbox, acknowledged, closed }
}

it('opens nothing while there is nothing to send', async () => {
  const { outbox, acknowledged } = setUp({ failFirst: false })

  await outbox.send([])
  await outbox.close()

  expect(acknowledged).toEqual([])
})

it('sends all letters through one channel', async () => {
  const { outbox, acknowledged } = setUp({ failFirst: false })

  await outbox.send([letter(1), letter(2)])
  await outbox.send([letter(3)])

  expect(acknowledged).toEqual([['events/0/1', 'events/0/2', 'events/0/3']])
})

it('never uses a channel again that failed once', async () => {
  const { outbox, acknowledged, closed } = setUp({ failFirst: true })

  await expect(outbox.send([letter(1)])).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
  await outbox.send([letter(1)])

  expect(acknowledged).toEqual([[], ['events/0/1']])
  expect(closed).toEqual([0])
})
