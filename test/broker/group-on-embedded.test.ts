import { describe } from 'vitest'
import { useEmbeddedBroker } from './embedded-under-test.ts'
import { groupSuite } from './group-suite.ts'

// A file of its own: waiting for sessions to end takes long, and so it waits beside the others.
describe('group membership on the embedded broker', () => groupSuite(useEmbeddedBroker()))
