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

/** A copy of the first so many, or of all if there are fewer. */
export function firstPairs<A, B, Value>(
  map: ReadonlyMap<A, ReadonlyMap<B, Value>>,
  count: number,
): readonly (readonly [A, B, Value])[] {
  const first: (readonly [A, B, Value])[] = [];
  for (const pair of pairsOf(map)) {
    if (first.length >= count) break;
    first.push(pair);
  }
  return first;
}

export function countPairs(map: ReadonlyMap<unknown, ReadonlyMap<unknown, unknown>>): number {
  let count = 0;
  for (const inner of map.values()) count += inner.size;
  return count;
}

/** Drops the oldest keys until no more than `max` are left. */
export function keepNewest<Key, Value>(map: Map<Key, Value>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
