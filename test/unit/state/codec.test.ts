// Entries and snapshots as bytes: exact, deterministic, total.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asMillis } from "../../../src/kernel/ids.ts";
import { decodeEntry, type Entry, encodeEntry } from "../../../src/state/codec.ts";
import { FORMAT_VERSION, type Migration, migrate } from "../../../src/state/migrations/index.ts";
import type { Opaque } from "../../../src/state/model.ts";
import { packValue } from "../../../src/state/packing.ts";
import {
  createClusterState,
  decodeSnapshot,
  digest,
  digestOf,
  encodeSnapshot,
} from "../../../src/state/snapshot.ts";
import { Cluster } from "./cluster.ts";
import { clusterAfter, steps } from "./random-commands.ts";

/** Messages as the edges make them: nested plain data with bytes and 64-bit integers. */
const wire = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.boolean(),
    // msgpack has no negative zero among its integers.
    fc.double({ noNaN: true }).map((number) => (number === 0 ? 0 : number)),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: fc.dictionary(
    fc.string().filter((name) => name !== "__proto__"),
    tie("value"),
    { maxKeys: 6, noNullPrototype: true },
  ),
})).object;

function killOf(policy: Opaque): Entry {
  const ids = { frameworkId: "f", taskId: "t", agentId: "a" } as never as {
    frameworkId: never;
    taskId: never;
    agentId: never;
  };
  return { time: asMillis(7), events: [{ kind: "TaskKillRequested", ...ids, policy }] };
}

function plainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plainBytes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainBytes(part)]));
}

describe("an entry", () => {
  it("is the same after packing and unpacking, whatever a message holds", () => {
    fc.assert(
      fc.property(wire, (policy) => {
        const entry = killOf(policy);
        const bytes = encodeEntry(entry);
        const decoded = decodeEntry(bytes);
        if (!decoded.ok) throw new Error(decoded.error.message);
        expect(plainBytes(decoded.value)).toEqual(plainBytes(entry));
        expect(encodeEntry(decoded.value)).toEqual(bytes);
      }),
    );
  });

  it("has bytes that do not depend on what was packed before", () => {
    fc.assert(
      fc.property(wire, wire, (one, other) => {
        const first = encodeEntry(killOf(one));
        encodeEntry(killOf(other));
        expect(encodeEntry(killOf(one))).toEqual(first);
      }),
    );
  });

  it("keeps bytes as bytes of their own, not as views of the entry", () => {
    const decoded = decodeEntry(encodeEntry(killOf({ data: new Uint8Array([1, 2, 3]) })));
    const [event] = decoded.ok ? decoded.value.events : [];
    const data = event?.kind === "TaskKillRequested" ? event.policy?.data : undefined;
    expect(data instanceof Uint8Array && [...data]).toEqual([1, 2, 3]);
    expect(data instanceof Uint8Array && data.buffer.byteLength).toBe(3);
  });

  it("of a newer format is refused with the version that it needs", () => {
    const bytes = packValue([FORMAT_VERSION + 1, 7, []]);
    expect(decodeEntry(bytes)).toMatchObject({
      ok: false,
      error: { kind: "unknown-format", version: FORMAT_VERSION + 1, supported: FORMAT_VERSION },
    });
  });

  it("with an unknown event is refused by that event's name, also one of Object's own names", () => {
    for (const kind of ["MoonLanded", "toString", "__proto__"]) {
      const decoded = decodeEntry(packValue([FORMAT_VERSION, 7, [{ kind }]]));
      expect(decoded).toMatchObject({ ok: false, error: { kind: "unknown-event", event: kind } });
    }
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["a number", packValue(7)],
    ["no version", packValue(["x", 7, []])],
    ["no time", packValue([1, "x", []])],
    ["no events", packValue([1, 7, null])],
    ["an event without kind", packValue([1, 7, [{}]])],
    ["something more", packValue([1, 7, [], 1])],
    ["half an entry", encodeEntry(new Cluster().log[0] ?? killOf({})).slice(0, 20)],
  ])("that is %s is malformed", (_name, bytes) => {
    expect(decodeEntry(bytes)).toMatchObject({ ok: false, error: { kind: "malformed" } });
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof decodeEntry(bytes).ok).toBe("boolean");
        expect(typeof decodeSnapshot(bytes).ok).toBe("boolean");
      }),
    );
  });

  it("that is damaged anywhere is decoded to something or refused, but does not throw", () => {
    const bytes = encodeEntry(clusterAfter([]).log[1] ?? killOf({}));
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        expect(typeof decodeEntry(damaged).ok).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });
});

describe("a snapshot", () => {
  it("gives the same state, and the same bytes again", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { state } = clusterAfter(all);
        const bytes = encodeSnapshot(state);
        const restored = decodeSnapshot(bytes);
        if (!restored.ok) throw new Error(restored.error.message);
        expect(encodeSnapshot(restored.value)).toEqual(bytes);
        expect(digestOf(bytes)).toBe(digest(restored.value));
      }),
      { numRuns: 40 },
    );
  });

  it("digests differ when anything differs", () => {
    const { state } = clusterAfter([]);
    const before = digest(state);
    state.minted.offers += 1;
    expect(digest(state)).not.toBe(before);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
  });

  it("of a newer format, or of something else, is refused", () => {
    expect(decodeSnapshot(packValue([FORMAT_VERSION + 1, {}]))).toMatchObject({
      error: { kind: "unknown-format" },
    });
    expect(decodeSnapshot(packValue([FORMAT_VERSION, { clusterId: null }]))).toMatchObject({
      error: { kind: "malformed" },
    });
    expect(decodeSnapshot(encodeSnapshot(createClusterState())).ok).toBe(true);
  });
});

describe("migrations", () => {
  const step = (from: number): Migration => ({
    from,
    reason: "test",
    event: (event) => [...(event as number[]), from],
    state: (state) => [...(state as number[]), -from],
  });

  it("run in order from the version that was written", () => {
    const steps123 = [step(1), step(2), step(3)];
    expect(migrate([], "event", 2, steps123)).toEqual([2, 3]);
    expect(migrate([], "state", 1, steps123)).toEqual([-1, -2, -3]);
    expect(migrate([], "event", 4, steps123)).toEqual([]);
  });
});
