// `npm run sim:mutants`: shows that the simulations find each classic bug that is put in on purpose, and fails if one
// survives or cannot be put in any more.
import { parseArgs } from "node:util";
import { IMPOSSIBLE, MUTANTS } from "./catalogue.ts";
import { hunt, type Outcome } from "./hunting.ts";
import { bugOf, type Mutant } from "./mutant.ts";

const HELP = `Usage: npm run sim:mutants -- [options]
  --only N      mutants of bug N, or one mutant such as 2b; several with commas
  --list        print the mutants, and the bugs that cannot be, without hunting
  --jobs N      hunters at a time (default: 1)
  --budget-s N  seconds for each mutant, after which no further seed is tried (default: 120)
  --facts       print what the checkers add
  --help        this`;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function list(mutants: readonly Mutant[]): number {
  for (const { id, world, why, edits } of mutants) {
    print(`${id.padEnd(4)} ${world.padEnd(8)} ${why}`);
    for (const { file } of edits) print(`${" ".repeat(14)}${file}`);
  }
  for (const { bug, why } of IMPOSSIBLE) print(`${String(bug).padEnd(4)} cannot be: ${why}`);
  return 0;
}

function describe({ id, ticks }: Mutant, outcome: Outcome): string {
  const name = id.padEnd(4);
  if (outcome.kind === "broken") return `${name} BROKEN ${outcome.why}`;
  const { found, runs, ticks: spent, seconds } = outcome.hunt;
  if (found === null) return `${name} SURVIVED ${runs} seeds of ${ticks} ticks in ${seconds} s`;
  const facts = `seed ${found.seed}, tick ${found.tick}, ${found.checker}: ${found.message}`;
  const effort = `(${runs} seeds, ${spent} ticks, ${seconds} s)`;
  const verdict = outcome.kind === "found" ? "found" : "NOT THE MUTANT'S: the source as it is fails too";
  return `${name} ${verdict} ${facts} ${effort}`;
}

/** @returns how many were not found as they should be */
async function huntAll(
  mutants: readonly Mutant[],
  { jobs, budgetS, facts }: { readonly jobs: number; readonly budgetS: number; readonly facts: boolean },
): Promise<number> {
  const waiting = [...mutants];
  let missed = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await hunt(next, budgetS);
      if (outcome.kind !== "found") missed += 1;
      print(describe(next, outcome));
      if (facts && "hunt" in outcome) print(`     ${outcome.hunt.found?.facts}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return missed;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      list: { type: "boolean", default: false },
      jobs: { type: "string", default: "1" },
      "budget-s": { type: "string", default: "120" },
      facts: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const jobs = Number(values.jobs);
  const budgetS = Number(values["budget-s"]);
  if (values.help || !(jobs >= 1) || !(budgetS >= 0)) {
    print(HELP);
    return 2;
  }
  const wanted = values.only?.split(",");
  const mutants = MUTANTS.filter(
    (mutant) => wanted === undefined || wanted.includes(mutant.id) || wanted.includes(String(bugOf(mutant))),
  );
  if (values.list) return list(mutants);
  const missed = await huntAll(mutants, { jobs, budgetS, facts: values.facts });
  print(`${mutants.length - missed} of ${mutants.length} mutants found`);
  return missed === 0 && mutants.length > 0 ? 0 : 1;
}

process.exitCode = await main();
