// V8's flags of a master.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyV8Settings } from "../../../src/host/v8-settings.ts";

/** How long V8's memory reducer waits after a collection before it looks whether to begin one. */
const REDUCER_DELAY_MS = 8_000;
const settings = join(import.meta.dirname, "../../../src/host/v8-settings.ts");

/** What the memory reducer has said of itself when its time has come after a full collection. */
async function reducerOf(nodeFlags: readonly string[]): Promise<string> {
  const script = [
    `import { applyV8Settings } from ${JSON.stringify(settings)};`,
    `applyV8Settings(process.execArgv.filter((flag) => flag.includes("favors")));`,
    `gc(); setTimeout(() => {}, ${REDUCER_DELAY_MS + 1_500});`,
  ].join("\n");
  const flags = ["--disable-warning=ExperimentalWarning", "--expose-gc", "--trace-memory-reducer"];
  const child = spawn(process.execPath, [...flags, ...nodeFlags, "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  return said;
}

describe("the memory reducer", () => {
  it("gives up when it first looks, in a process that runs already, and goes on where the user wants it", async () => {
    const [ours, users] = await Promise.all([reducerOf([]), reducerOf(["--memory-reducer-favors-memory"])]);
    expect(users).toMatch(/Memory reducer: (waiting|started)/);
    expect(ours).toContain("Memory reducer");
    expect(ours).not.toMatch(/Memory reducer: (waiting|started)/);
  }, 60_000);

  it("is left alone where the user has said something of it, and by a V8 that does not know how", () => {
    const set: string[] = [];
    const take = (flag: string): void => void set.push(flag);
    for (const given of ["--no-memory-reducer", "--memory_reducer", "--memory-reducer-gc-count=1"]) {
      expect(applyV8Settings(["--inspect", given], "13.6.233", take)).toEqual([]);
    }
    expect(applyV8Settings([], "11.3.244.8-node.30", take)).toEqual([]);
    expect(set).toEqual([]);
    expect(applyV8Settings(["--max-old-space-size=9000", ""], "13.6.233", take)).toEqual(set);
    expect(set).toHaveLength(1);
  });
});
