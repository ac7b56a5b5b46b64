// Why a process ended can be told from its code.
import { expect, test } from "vitest";
import { EXIT, exitCodeOf } from "../../../src/host/exit-codes.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";
import { LogDamage, LogFailure } from "../../../src/log/index.ts";

test("each cause has its own code", () => {
  expect(exitCodeOf(new LogDamage("f", 0, "torn"))).toBe(EXIT.logDamaged);
  expect(exitCodeOf(new LogFailure("sync", new Error("EIO")))).toBe(EXIT.diskFailed);
  expect(exitCodeOf(new InvariantError("impossible"))).toBe(EXIT.bug);
  expect(exitCodeOf(new Error("port taken"))).toBe(EXIT.failed);
  expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length);
});
