// Random small resources whose names always have the same kind, so that any two may be added.
import fc from "fast-check";
import { makeResources, type ResourcePart, type Resources } from "../../../src/allocator/index.ts";

const scalar = (name: string, max: number): fc.Arbitrary<ResourcePart> =>
  fc.integer({ min: 0, max }).map((millis) => ({ name, value: { kind: "scalar", millis } }));

const ports: fc.Arbitrary<ResourcePart> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 5 })), { maxLength: 5 })
  .map((list) => ({
    name: "ports",
    value: { kind: "ranges", ranges: list.map(([begin, more]) => ({ begin, end: begin + more })) },
  }));

const zones: fc.Arbitrary<ResourcePart> = fc
  .array(fc.constantFrom("a", "b", "c", "d", "é", "Z"), { maxLength: 6 })
  .map((items) => ({ name: "zones", value: { kind: "set", items } }));

/** With up to 6 parts; with a meta now and then if wanted. */
export function arbitraryResources(metas: readonly string[] = [""]): fc.Arbitrary<Resources> {
  const part = fc.oneof(scalar("cpus", 4_000), scalar("mem", 4_000), ports, zones);
  const withMeta = fc.tuple(part, fc.constantFrom(...metas)).map(([plain, meta]) => ({ ...plain, meta }));
  return fc.array(withMeta, { maxLength: 6 }).map((parts) => {
    const made = makeResources(parts);
    if (!made.ok) throw new Error(made.error);
    return made.value;
  });
}
