export {
  type Polling,
  pollingOf,
  type ReplayOptions,
  type ReplayParts,
  type ReplaySummary,
  replay,
} from './replay.ts'
