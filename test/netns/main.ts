// `npm run chaos -- --minutes N [--seed S] [--fault TEXT]`: faults on real processes, drawn at random, for so long; the
// long form of test/e2e/netns.test.ts. Ctrl-C ends it and cleans up.

import { ensureDebianPackages } from "../../src/host/debian-packages.ts";
import { pick, seededRandom } from "../../src/kernel/random.ts";
import { type Fault, possibleFaults } from "./faults.ts";
import { removeOwn } from "./leftovers.ts";
import { detectPermits, LAB_PACKAGES } from "./permits.ts";
import { runChaos } from "./run.ts";

/** A lab is taken down and its histories are checked after so many faults: searches grow with histories. */
const FAULTS_PER_LAB = 15;
const MINUTES_DEFAULT = 5;

interface Wanted {
  readonly minutes: number;
  readonly seed: number;
  /** Part of the names of the faults that are wanted. */
  readonly fault: string;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void cleanUpAfter(signal));
await main(wanted(process.argv.slice(2)));

async function main({ minutes, seed, fault }: Wanted): Promise<void> {
  await ensureDebianPackages(LAB_PACKAGES);
  const permits = await detectPermits();
  say(`This machine refuses: ${JSON.stringify(permits, null, 2)}`);
  if (permits.network !== null) throw new Error(`no lab on this machine: ${permits.network}`);
  const faults = possibleFaults(permits).filter(({ name }) => name.includes(fault));
  if (faults.length === 0) throw new Error(`no possible fault is called "${fault}"`);
  const end = performance.now() + minutes * 60_000;
  for (let lab = 0; performance.now() < end; lab++) {
    say(`Lab with seed ${seed + lab}`);
    const drawn = drawFaults(seed + lab, faults, end);
    const findings = await runChaos({ seed: seed + lab, permits, faults: drawn, onStep: say });
    say(JSON.stringify(findings));
  }
}

/** Every fault once before any comes again. */
function* drawFaults(seed: number, faults: readonly Fault[], end: number): Generator<Fault> {
  const random = seededRandom(seed);
  let left: Fault[] = [];
  for (let i = 0; i < FAULTS_PER_LAB && performance.now() < end; i++) {
    if (left.length === 0) left = [...faults];
    const fault = pick(random, left);
    left = left.filter((each) => each !== fault);
    yield fault;
  }
}

function wanted(words: readonly string[]): Wanted {
  const value = (name: string) => {
    const at = words.indexOf(`--${name}`);
    return at < 0 ? undefined : words[at + 1];
  };
  const [minutes, seed] = [
    Number(value("minutes") ?? MINUTES_DEFAULT),
    Number(value("seed") ?? Date.now() % 1e6),
  ];
  if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error("--minutes and --seed take numbers");
  return { minutes, seed, fault: value("fault") ?? "" };
}

async function cleanUpAfter(signal: string): Promise<void> {
  say(`${signal}: cleaning up`);
  await removeOwn();
  process.exit(130);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
