// Maps of maps, with a pair of ids as key: an inner map never stays empty.

export function setPair<A, B, Value>(map: Map<A, Map<B, Value>>, a: A, b: B, value: Value): void {
  const inner = map.get(a);
  if (inner === undefined) map.set(a, new Map([[b, value]]));
  else inner.set(b, value);
}

export function deletePair<A, B, Value>(map: Map<A, Map<B, Value>>, a: A, b: B): void {
  const inner = map.get(a);
  if (inner === undefined) return;
  inner.delete(b);
  if (inner.size === 0) map.delete(a);
}

export function* pairsOf<A, B, Value>(
  map: ReadonlyMap<A, ReadonlyMap<B, Value>>,
): Generator<readonly [A, B, Value]> {
  for (const [a, inner] of map) for (const [b, value] of inner) yield [a, b, value];
}

/** Drops the oldest keys until no more than `max` are left. */
export function keepNewest<Key, Value>(map: Map<Key, Value>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
