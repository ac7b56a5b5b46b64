// Deadlines come out in the order of their times, whatever was set, moved and cleared before.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "../../../src/agents/deadlines.ts";

test("they agree with a plain map", () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c", "d", "e"),
    atMs: fc.option(fc.nat(100)),
    takeAtMs: fc.option(fc.nat(120)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const deadlines = new Deadlines();
      const model = new Map<string, number>();
      for (const { name, atMs, takeAtMs } of steps) {
        if (atMs === null) deadlines.clear(name);
        else deadlines.set(name, atMs);
        model.delete(name);
        if (atMs !== null) model.set(name, atMs);
        const earliest = Math.min(...model.values());
        expect(deadlines.next()).toBe(model.size === 0 ? null : earliest);
        if (takeAtMs === null) continue;
        const taken = deadlines.take(takeAtMs);
        if (earliest > takeAtMs) expect(taken).toBeNull();
        else expect(model.get(taken ?? "none")).toBe(earliest);
        if (taken !== null) model.delete(taken);
      }
    }),
  );
});
