// V8's flags of a master.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyV8Settings } from "../../../src/host/v8-settings.ts";
import { YOUNG_GENERATION_BYTES } from "../../../src/host/young-generation.ts";

const REDUCER = "--memory-reducer-gc-count=0";
const BYTE_ARRAYS = "--external-memory-accounted-in-global-limit";
const YOUNG = "--no-allocation-site-pretenuring";
/** Of byte arrays, in the second test; V8 by itself begins a full collection after so many of them. */
const MADE_MIB = 1_024;
const V8S_LIMIT_MIB = 64;
/** How long V8's memory reducer waits after a collection before it looks whether to begin one. */
const REDUCER_DELAY_MS = 8_000;
const settings = join(import.meta.dirname, "../../../src/host/v8-settings.ts");

const ignored = (): void => undefined;

/** What V8 says on the way while a process of its own runs the lines. */
async function traceOf(nodeFlags: readonly string[], lines: readonly string[]): Promise<string> {
  const script = [`import { applyV8Settings } from ${JSON.stringify(settings)};`, ...lines].join("\n");
  const flags = ["--disable-warning=ExperimentalWarning", "--expose-gc", ...nodeFlags];
  const child = spawn(process.execPath, [...flags, "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  return said;
}

/** What the memory reducer has said of itself when its time has come after a full collection. */
function reducerOf(nodeFlags: readonly string[]): Promise<string> {
  return traceOf(
    ["--trace-memory-reducer", ...nodeFlags],
    [
      `applyV8Settings(process.execArgv.filter((flag) => flag.includes("favors")));`,
      `gc(); setTimeout(() => {}, ${REDUCER_DELAY_MS + 1_500});`,
    ],
  );
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
      set.length = 0;
      const others = [BYTE_ARRAYS, YOUNG];
      expect(applyV8Settings(["--inspect", given], "13.6.233", take, ignored)).toEqual(others);
      expect(set).toEqual(others);
    }
    set.length = 0;
    expect(applyV8Settings([], "11.3.244.8-node.30", take, ignored)).toEqual([]);
    expect(set).toEqual([]);
    expect(applyV8Settings(["--max-old-space-size=9000", ""], "13.6.233", take, ignored)).toEqual(set);
    expect(set).toEqual([REDUCER, BYTE_ARRAYS, YOUNG]);
  });
});

/** Full collections of a process with a heap of some size while it makes byte arrays that die at once. */
async function fullCollections(nodeFlags: readonly string[]): Promise<number> {
  const said = await traceOf(
    ["--trace-gc", ...nodeFlags],
    [
      "applyV8Settings(process.execArgv);",
      "globalThis.held = Array.from({ length: 500_000 }, (_, at) => ({ at, next: [at] }));",
      "gc(); console.log('ready');",
      `for (let i = 0; i < ${MADE_MIB} * 16; i++) {`,
      "  new Uint8Array(2 ** 16).fill(1);",
      "  if (i % 16 === 0) await new Promise(setImmediate);",
      "}",
    ],
  );
  return said.slice(said.indexOf("ready")).match(/Mark-Compact/g)?.length ?? 0;
}

describe("byte arrays that die young", () => {
  it("ask for no full collection, unless the user wants V8's own way", async () => {
    const ours = await fullCollections([]);
    const v8s = await fullCollections(["--no-external-memory-accounted-in-global-limit"]);
    expect(v8s).toBeGreaterThanOrEqual(MADE_MIB / V8S_LIMIT_MIB / 2);
    expect(ours).toBeLessThanOrEqual(v8s / 4);
  }, 60_000);

  it("are left alone where the user has said something of them", () => {
    const given = ["--external_memory_accounted_in_global_limit"];
    const taken = applyV8Settings(given, "13.6.233", ignored, ignored);
    expect(taken).toEqual([REDUCER, YOUNG]);
  });
});

/** The most by which V8's old objects grew, in bytes, while as many were made as are said here, in a place where millions lived. */
const MADE_OBJECTS = 10_000;
const OBJECT_BYTES_MIN = 40;
const PROCESSES_MAX = 20;
async function madeAmongTheOld(nodeFlags: readonly string[]): Promise<number> {
  const said = await traceOf(nodeFlags, [
    'import { getHeapSpaceStatistics } from "node:v8";',
    "applyV8Settings(process.execArgv);",
    "const used = (name) => getHeapSpaceStatistics().find((one) => one.space_name === name).space_used_size;",
    "const make = (at) => ({ at, next: [at] });",
    "const held = [];",
    "const fill = () => { for (let i = 0; i < 400_000; i++) held.push(make(i)); };",
    `const made = new Array(${MADE_OBJECTS}).fill(null);`,
    "let most = 0;",
    "for (let round = 0; round < 20; round++) {",
    "  fill();",
    "  const [young, old] = [used('new_space'), used('old_space')];",
    "  for (let i = 0; i < made.length; i++) made[i] = make(i);",
    "  const collected = used('new_space') < young;",
    "  if (!collected) most = Math.max(most, used('old_space') - old);",
    "}",
    "console.log(most);",
  ]);
  return Number(said);
}

describe("objects made where others lived long", () => {
  it("begin among the young, unless the user wants V8's own way", async () => {
    const bytes = MADE_OBJECTS * OBJECT_BYTES_MIN;
    expect(await madeAmongTheOld([])).toBeLessThan(bytes / 10);
    // When V8 compiles the function decides whether it comes to that, so not every process does.
    let most = 0;
    for (let i = 0; i < PROCESSES_MAX && most < bytes; i++) {
      most = await madeAmongTheOld(["--allocation-site-pretenuring"]);
    }
    expect(most).toBeGreaterThan(bytes);
  }, 60_000);
});

/** A heap that grows all the time. */
const GROWING = [
  "applyV8Settings(process.execArgv);",
  "globalThis.held = [];",
  "for (let i = 0; i < 600; i++) {",
  "  for (let j = 0; j < 1_500; j++) globalThis.held.push({ j, next: [j] });",
  "  await new Promise(setImmediate);",
  "}",
];
/** Largest size of the young generation that V8 says in a process much of whose objects live on. Bytes. */
async function largestYoung(nodeFlags: readonly string[]): Promise<number> {
  const said = await traceOf(["--trace-gc-nvp", ...nodeFlags], GROWING);
  return Math.max(...[...said.matchAll(/new_space_capacity=(\d+)/g)].map(([, bytes]) => Number(bytes)));
}

describe("the young generation of a process", () => {
  it("does not grow as V8 would let it, unless the user says something of its size", async () => {
    const ours = await largestYoung([]);
    const users = await largestYoung(["--max-semi-space-size=64"]);
    expect(users).toBeGreaterThan(2 * YOUNG_GENERATION_BYTES);
    expect(ours).toBeLessThanOrEqual(YOUNG_GENERATION_BYTES);
    expect(ours).toBeGreaterThan(YOUNG_GENERATION_BYTES / 4);
  }, 60_000);
});
