// Digests are taken of a snapshot's bytes: those on record from an older format are of other bytes than a member makes
// today, and are marked with that format so that nobody compares them.

/** An event or a part of the state that has a digest, marked. */
export function marked(record: unknown, format: number): unknown {
  if (!isObject(record) || typeof record.digest !== "string" || !isOfThisFormat(record.digest)) return record;
  return { ...record, digest: `${format}/${record.digest}` };
}

/** The state with all its digests marked. */
export function withMarkedDigests(state: unknown, format: number): unknown {
  return isObject(state) && Array.isArray(state.digests)
    ? { ...state, digests: state.digests.map((record: unknown) => marked(record, format)) }
    : state;
}

/** Whether the digest on record is of the bytes of which digests are taken today. */
export function isOfThisFormat(digest: string): boolean {
  return !digest.includes("/");
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
