// Runs one mutant in a process of its own: replaces its text as the modules are loaded, then runs seeds until a checker
// fails or the time is over. Arguments: the mutant's id, or "none" for the source as it is, the world, the first seed,
// ticks and the budget in seconds; `once` runs the first seed only. Prints one line of JSON.
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CheckFailure } from "../checkers/check.ts";
import { MUTANTS } from "./catalogue.ts";
import { type Edit, edited, type Mutant } from "./mutant.ts";

/** What a hunt came to. */
export interface Hunt {
  readonly found: {
    readonly seed: number;
    readonly tick: number;
    readonly checker: string;
    readonly message: string;
    /** What the checker adds, as text. */
    readonly facts: string;
  } | null;
  readonly runs: number;
  readonly ticks: number;
  readonly seconds: number;
}

interface Ran {
  readonly failure: CheckFailure | null;
  readonly tick: number;
}

const FACTS_CHARACTERS_MAX = 1_000;

const root = join(import.meta.dirname, "..", "..");

function applyOnLoad(edits: readonly Edit[]): void {
  const files = new Map(edits.map(({ file }) => [pathToFileURL(join(root, file)).href, file]));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = files.get(url);
      if (file === undefined || loaded.source == null) return loaded;
      const text =
        typeof loaded.source === "string"
          ? loaded.source
          : Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: edited(file, text, edits) };
    },
  });
}

type Run = (seed: string, ticks: number) => Promise<Ran | null>;

/**
 * Imported only now, so that the edits are in what is loaded.
 * @returns what runs a seed, or passes it over
 */
async function worldOf(world: string, likely: Mutant["likely"]): Promise<Run> {
  if (world === "raft") {
    const { raftSwarm } = await import("../raft-world/options.ts");
    const { RaftWorld } = await import("../raft-world/world.ts");
    return async (seed, ticks) => {
      const options = raftSwarm(seed, ticks);
      return likely?.(options) === false ? null : new RaftWorld(options).run();
    };
  }
  const { swarmOptions } = await import("../options.ts");
  const { World } = await import("../world.ts");
  return (seed, ticks) => new World(swarmOptions(seed, ticks)).run();
}

function foundBy({ checker, message, facts }: CheckFailure, seed: number, tick: number): Hunt["found"] {
  const text = JSON.stringify(facts, (_key, part) => (typeof part === "bigint" ? String(part) : part));
  return { seed, tick, checker, message, facts: text.slice(0, FACTS_CHARACTERS_MAX) };
}

async function hunt(arguments_: readonly string[]): Promise<Hunt> {
  const [id, world = "raft", first, length, budgetS, once] = arguments_;
  const mutant = MUTANTS.find((each) => each.id === id);
  if (mutant === undefined && id !== "none") throw new Error(`there is no mutant ${id}`);
  if (mutant !== undefined) applyOnLoad(mutant.edits);
  const run = await worldOf(world, mutant?.likely);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1_000;
  let ticks = 0;
  let runs = 0;
  for (let seed = Number(first); ; seed++) {
    const ran = await run(String(seed), Number(length));
    if (ran === null) continue;
    const { failure, tick } = ran;
    ticks += tick;
    runs += 1;
    const found = failure && foundBy(failure, seed, tick);
    const isOver = found !== null || once === "once" || seconds() > Number(budgetS);
    if (isOver) return { found, runs, ticks, seconds: Math.round(seconds() * 10) / 10 };
  }
}

process.stdout.write(`${JSON.stringify(await hunt(process.argv.slice(2)))}\n`);
process.exit(0);
