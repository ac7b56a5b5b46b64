// Whether two short byte strings are equal. Checkers ask it of every entry and of every frame that carries one: the way
// into Buffer.compare costs more than the bytes.

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
