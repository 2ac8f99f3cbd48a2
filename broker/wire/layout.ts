import { type FrameReader, type FrameWriter, MalformedFrame } from './primitives.ts'

/**
 * A layout describes a message once; reading and writing both follow it, so that they cannot disagree.
 * `since` and `until` give fields their versions; a field outside its versions is not on the wire and reads as
 * its fallback. Every struct of a flexible version ends in a tag section, which is skipped and written empty.
 */
export interface Layout<T> {
  read(reader: FrameReader, version: number): T
  write(writer: FrameWriter, value: T, version: number): void
}
export type TypeOf<L> = L extends Layout<infer T> ? T : never

export const i8: Layout<number> = { read: (r) => r.i8(), write: (w, value) => w.i8(value) }
export const i16: Layout<number> = { read: (r) => r.i16(), write: (w, value) => w.i16(value) }
export const i32: Layout<number> = { read: (r) => r.i32(), write: (w, value) => w.i32(value) }
export const i64: Layout<number> = { read: (r) => r.i64(), write: (w, value) => w.i64(value) }
export const bool: Layout<boolean> = {
  read: (r) => r.i8() !== 0,
  write: (w, value) => w.i8(value ? 1 : 0),
}
export const nullableStr: Layout<string | null> = {
  read: (r) => r.nullableString(),
  write: (w, value) => w.nullableString(value),
}
export const str: Layout<string> = {
  read: (r) => present(r.nullableString()),
  write: (w, value) => w.nullableString(value),
}
export const nullableBytes: Layout<Uint8Array | null> = {
  read: (r) => r.nullableBytes(),
  write: (w, value) => w.nullableBytes(value),
}
export const bytes: Layout<Uint8Array> = {
  read: (r) => present(r.nullableBytes()),
  write: (w, value) => w.nullableBytes(value),
}
/** Record batches: read as a view into the frame. */
export const records: Layout<Buffer | null> = {
  read: (r) => r.nullableBytes(),
  write: (w, value) => w.nullableBytes(value),
}

export function array<T>(element: Layout<T>): Layout<T[]> {
  const nullable = nullableArray(element)
  return { read: (r, version) => present(nullable.read(r, version)), write: nullable.write }
}

export function nullableArray<T>(element: Layout<T>): Layout<T[] | null> {
  return {
    read(reader, version) {
      const count = reader.arrayLength()
      if (count < 0) return null
      const values: T[] = []
      for (let index = 0; index < count; index++) values.push(element.read(reader, version))
      return values
    },
    write(writer, values, version) {
      writer.arrayLength(values === null ? -1 : values.length)
      for (const value of values ?? []) element.write(writer, value, version)
    },
  }
}

/** On the wire from `first` on; older versions read `fallback`. */
export function since<T>(first: number, layout: Layout<T>, fallback: T): Layout<T> {
  return between(first, Number.POSITIVE_INFINITY, layout, fallback)
}

/** On the wire up to and with `last`; newer versions read `fallback`. */
export function until<T>(last: number, layout: Layout<T>, fallback: T): Layout<T> {
  return between(0, last, layout, fallback)
}

export function between<T>(first: number, last: number, layout: Layout<T>, fallback: T): Layout<T> {
  const present = (version: number): boolean => version >= first && version <= last
  return {
    read: (reader, version) => (present(version) ? layout.read(reader, version) : fallback),
    write(writer, value, version) {
      if (present(version)) layout.write(writer, value, version)
    },
  }
}

// A layout of any type: reading gives what the field holds, and `never` lets each field keep its own type.
type Fields = Record<
  string,
  { read(reader: FrameReader, version: number): unknown; write: Layout<never>['write'] }
>
type ValuesOf<F extends Fields> = { [K in keyof F]: ReturnType<F[K]['read']> }

/** Fields in the order in which they are on the wire. */
export function struct<const F extends Fields>(fields: F): Layout<ValuesOf<F>> {
  const entries = Object.entries(fields)
  return {
    read(reader, version) {
      const value: Record<string, unknown> = {}
      for (const [name, layout] of entries) value[name] = layout.read(reader, version)
      reader.tags()
      return value as ValuesOf<F> // every field has just been read by its own layout
    },
    write(writer, value, version) {
      // The parameter's type says that each field holds what its own layout writes.
      for (const [name, layout] of entries) layout.write(writer, value[name] as never, version)
      writer.tags()
    },
  }
}

function present<T>(value: T | null): T {
  if (value === null) throw new MalformedFrame('null where the protocol allows none')
  return value
}
