// The size of V8's young generation in a master.
import { describe, expect, it } from "vitest";
import { holdYoungGeneration, YOUNG_GENERATION_BYTES } from "../../../src/host/young-generation.ts";

const MIB = 1024 * 1024;

/** A young generation that V8 has made so large, and what has been set of it. */
function held(capacity: number, wanted: number) {
  const young = { bytes: capacity, look: (): void => undefined };
  const set: string[] = [];
  holdYoungGeneration(
    (flag) => void set.push(flag),
    {
      capacity: () => young.bytes,
      onCollected(look) {
        young.look = look;
      },
    },
    wanted,
  );
  return {
    set,
    collected(bytes: number): void {
      young.bytes = bytes;
      young.look();
    },
  };
}

describe("the young generation", () => {
  it("may double until it has the size that is wanted, and again when V8 has made it smaller", () => {
    const { set, collected } = held(MIB, 8 * MIB);
    expect(set).toEqual(["--semi-space-growth-factor=2"]);
    for (const mib of [2, 2, 4]) collected(mib * MIB);
    expect(set).toHaveLength(1);
    collected(8 * MIB);
    expect(set.slice(1)).toEqual(["--semi-space-growth-factor=1"]);
    collected(8 * MIB);
    expect(set).toHaveLength(2);
    collected(MIB);
    expect(set.slice(2)).toEqual(["--semi-space-growth-factor=2"]);
  });

  it("never grows beyond the size that is wanted in steps that are seen", () => {
    for (const wanted of [YOUNG_GENERATION_BYTES, 7 * MIB, 3 * MIB]) {
      let bytes = MIB;
      const { set, collected } = held(bytes, wanted);
      for (let i = 0; i < 10; i++) {
        bytes *= Number(set.at(-1)?.split("=")[1]);
        collected(bytes);
      }
      expect(bytes).toBeLessThanOrEqual(wanted);
      expect(bytes * 2).toBeGreaterThan(wanted);
    }
  });

  it("stays as it is where it is larger already", () => {
    expect(held(32 * MIB, 8 * MIB).set).toEqual(["--semi-space-growth-factor=1"]);
  });
});
