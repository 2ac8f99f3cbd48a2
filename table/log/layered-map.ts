/**
 * An immutable map that is cheap to change a little: a large base and a small layer of changes above it. Each commit
 * makes a new table state of perhaps 10^5 files from a few changes, while readers hold on to the old one.
 * Sharing the base costs O(sqrt n) a change in the long run, against O(n) for a copy.
 */
export interface LayeredMap<V> extends ReadonlyMap<string, V> {
  /** The map with the changes on top; null takes a key out. */
  with(changes: ReadonlyMap<string, V | null>): LayeredMap<V>
}

export function layeredMap<V>(base: ReadonlyMap<string, V> = new Map()): LayeredMap<V> {
  return createLayer(base, new Map(), base.size)
}

function createLayer<V>(
  base: ReadonlyMap<string, V>,
  layer: ReadonlyMap<string, V | null>,
  size: number,
): LayeredMap<V> {
  const get = (key: string): V | undefined => {
    const above = layer.get(key)
    if (above !== undefined) return above === null ? undefined : above
    return base.get(key)
  }
  function* entries(): MapIterator<[string, V]> {
    for (const entry of base) if (!layer.has(entry[0])) yield entry
    for (const [key, value] of layer) if (value !== null) yield [key, value]
    return undefined
  }
  function* keys(): MapIterator<string> {
    for (const [key] of entries()) yield key
    return undefined
  }
  function* values(): MapIterator<V> {
    for (const [, value] of entries()) yield value
    return undefined
  }
  const map: LayeredMap<V> = {
    size,
    get,
    has: (key) => get(key) !== undefined,
    entries,
    keys,
    values,
    [Symbol.iterator]: entries,
    forEach(visit) {
      for (const [key, value] of entries()) visit(value, key, map)
    },
    with(changes) {
      if (changes.size === 0) return map
      const next = new Map(layer)
      let nextSize = size
      for (const [key, value] of changes) {
        nextSize += (value === null ? 0 : 1) - (get(key) === undefined ? 0 : 1)
        if (value === null && !base.has(key)) next.delete(key)
        else next.set(key, value)
      }
      const grown = createLayer(base, next, nextSize)
      const layerLimit = 64 + 4 * Math.sqrt(base.size)
      return next.size <= layerLimit ? grown : layeredMap(new Map(grown))
    },
  }
  return map
}
