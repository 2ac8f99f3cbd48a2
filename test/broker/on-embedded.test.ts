import { describe } from 'vitest'
import { useEmbeddedBroker } from './embedded-under-test.ts'
import { kafkaSuite } from './kafka-suite.ts'

describe('on the embedded broker', () => kafkaSuite(useEmbeddedBroker(), { transactions: false }))
