// Golden traces: each *.txt here is a story in commands, with everything that the cores did about it. With RAFT_REWRITE=1
// the traces are written anew; a person then reads the difference.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rerun } from "./interpreter.ts";

const folder = import.meta.dirname;
const scripts = readdirSync(folder).filter((name) => name.endsWith(".txt"));

describe("scripts", () => {
  it("are there", () => {
    expect(scripts.length).toBeGreaterThanOrEqual(6);
  });

  it.each(scripts)("%s gives the trace that is written in it", (name) => {
    const path = join(folder, name);
    const written = readFileSync(path, "utf8");
    const trace = rerun(written);
    if (process.env.RAFT_REWRITE === "1") writeFileSync(path, trace);
    else expect(trace).toBe(written);
  });
});
