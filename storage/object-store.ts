/**
 * A flat space of byte objects: a bucket, a folder, or memory. Keys are `/`-separated paths relative to
 * the store's URL. What the adapters share is stated here and held by test/contracts/object-store.ts:
 *
 * - a `put` is seen whole or not at all, and is durable once it resolves;
 * - a key that is listed can be read; one that was written is listed;
 * - writes take plain keys only (see keys.ts), so one key means one object in every adapter.
 *
 * Any call may throw StoreUnavailable (try again), BucketMissing or SetupError (a person must act).
 */
export interface ObjectStore {
  /** For messages: `file:/path/`, `s3://bucket/prefix/` or `memory:`. Ends with a slash. */
  readonly url: string

  /**
   * The whole object, or the bytes of `range` that exist: a range past the end gives fewer bytes, or none.
   * @throws {ObjectNotFound}
   */
  get(key: string, range?: ByteRange): Promise<Uint8Array>

  /**
   * The bytes from `start` (default 0) in chunks of the adapter's choosing, with backpressure. Not resumed when it
   * breaks: StoreUnavailable comes out, and the caller streams again from where it was. An abort throws its reason.
   * @throws {ObjectNotFound}
   */
  stream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array>

  /** Writes or replaces. Idempotent, so an adapter may retry it. */
  put(key: string, body: Uint8Array): Promise<void>

  /**
   * Writes only if the key is free, atomically across processes: the table's commit protocol rests on this one
   * guarantee. Exactly one attempt: after StoreUnavailable the object may exist, may not, or may yet appear.
   * @throws {ObjectExists} when the key is taken, perhaps by an earlier attempt of one's own
   */
  putIfAbsent(key: string, body: Uint8Array): Promise<void>

  /**
   * The objects whose key starts with `prefix` and sorts after `after`, in ascending order of the key's UTF-8 bytes.
   * Read page by page: what is written meanwhile may be seen or not. Empty for a folder that does not exist.
   */
  list(options?: ListOptions): AsyncIterable<ObjectInfo>

  /** Removes the object; an absent one is fine. */
  delete(key: string): Promise<void>

  /** @throws {ObjectNotFound} */
  head(key: string): Promise<ObjectInfo>
}

export interface ObjectInfo {
  key: string
  /** Bytes. */
  size: number
  /** Opaque; differs when the content was replaced. */
  etag: string
  modifiedMs: number
}

/** Half-open: `[start, end)`; without `end`, to the end of the object. `end` must be greater than `start`. */
export interface ByteRange {
  start: number
  end?: number
}

export interface StreamOptions {
  start?: number
  signal?: AbortSignal
}

export interface ListOptions {
  prefix?: string
  after?: string
  signal?: AbortSignal
}
