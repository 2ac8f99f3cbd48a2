export { type ConsumeOptions, type ConsumeParts, consume } from './consume.ts'
export { type DemoOptions, type DemoParts, produceDemo } from './demo.ts'
export {
  fileInput,
  type ProduceInput,
  type ProduceOptions,
  type ProduceParts,
  type ProduceSummary,
  pipeInput,
  produce,
} from './produce.ts'
export { createProgressBar, noProgress, type ProgressBar } from './progress-bar.ts'
export {
  type Polling,
  pollingOf,
  type ReplayOptions,
  type ReplayParts,
  type ReplaySummary,
  replay,
} from './replay/index.ts'
