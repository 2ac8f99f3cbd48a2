import { describe } from 'vitest'
import type { GetBroker } from './broker-under-test.ts'
import { clientSuite } from './client-suite.ts'
import { deadLetterSuite } from './dead-letter-suite.ts'
import { publisherSuite } from './publisher-suite.ts'
import { topicsSuite } from './topics-suite.ts'

/** All that broker/ promises but group membership, to be run against every broker it is used with. */
export function kafkaSuite(getBroker: GetBroker, abilities: { transactions: boolean }): void {
  describe('reading and committing', () => clientSuite(getBroker, abilities))
  describe('publishing', () => publisherSuite(getBroker))
  describe('topics', () => topicsSuite(getBroker))
  describe('dead letters', () => deadLetterSuite(getBroker))
}
