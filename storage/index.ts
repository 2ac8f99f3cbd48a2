export { probeConditionalWrites } from './conditional-writes.ts'
export { BucketMissing, InvalidKey, ObjectExists, ObjectNotFound, StoreUnavailable } from './errors.ts'
export { compareKeys } from './keys.ts'
export {
  createMemoryStore,
  type MemoryStoreOptions,
  type StoreFault,
  type StoreOperation,
} from './memory-store.ts'
export type { ByteRange, ListOptions, ObjectInfo, ObjectStore, StreamOptions } from './object-store.ts'
export { openStore, parseStoreUrl, type S3Settings, type StoreLocation } from './open-store.ts'
