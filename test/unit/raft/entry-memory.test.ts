// What bounds on memory count for an entry, against what a process of Node really needs for it.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { memoryBytes } from "../../../src/raft/entry-log.ts";

const SCRIPT = fileURLToPath(new URL("support/entry-memory.ts", import.meta.url));

function measured(payloadBytes: number): { resident: number; counted: number } {
  const flags = ["--expose-gc", "--experimental-strip-types", "--no-warnings", SCRIPT, String(payloadBytes)];
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" }));
}

describe("an entry in memory", () => {
  it.each([8, 100, 1000])("of %i bytes counts for what it costs, and not for much more", (payloadBytes) => {
    const payload = new Uint8Array(payloadBytes);
    const counts = memoryBytes({ index: asIndex(1), term: asTerm(1), payload });
    const { resident, counted } = measured(payloadBytes);
    expect(counts).toBeGreaterThanOrEqual(resident);
    expect(counts).toBeGreaterThanOrEqual(counted);
    expect(counts).toBeLessThan(4 * counted);
  });
});
