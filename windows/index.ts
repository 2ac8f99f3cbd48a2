export { createLatenessTracker, type LatenessTracker } from './lateness.ts'
export { windowStartMs } from './tumbling.ts'
