// Starts hunters and judges what they bring: a mutant has to be found, and by a seed under which the source as it is
// passes.
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Hunt } from "./hunter.ts";
import type { Mutant } from "./mutant.ts";

export type Outcome =
  | { readonly kind: "found"; readonly hunt: Hunt }
  | { readonly kind: "survived"; readonly hunt: Hunt }
  /** The seed that found it fails without it too: what failed is no mutant. */
  | { readonly kind: "guilty-without"; readonly hunt: Hunt; readonly without: Hunt }
  | { readonly kind: "broken"; readonly why: string };

/** A hunter that has not ended so long after its budget never will. */
const GRACE_MS = 60_000;

/** @param budgetS seconds after which no further seed is tried */
export async function hunt(mutant: Mutant, budgetS: number): Promise<Outcome> {
  const { id, world, seed, ticks } = mutant;
  const hunted = await runHunter([id, world, String(seed), String(ticks), String(budgetS)], budgetS);
  if (typeof hunted === "string") return { kind: "broken", why: hunted };
  if (hunted.found === null) return { kind: "survived", hunt: hunted };
  const again = ["none", world, String(hunted.found.seed), String(ticks), "0", "once"];
  const without = await runHunter(again, budgetS);
  if (typeof without === "string") return { kind: "broken", why: without };
  return without.found === null
    ? { kind: "found", hunt: hunted }
    : { kind: "guilty-without", hunt: hunted, without };
}

/** @returns what it found, or why it brought nothing */
function runHunter(words: readonly string[], budgetS: number): Promise<Hunt | string> {
  const script = join(import.meta.dirname, "hunter.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let complaints = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), budgetS * 1_000 + GRACE_MS);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(deadline);
      if (code === 0) resolve(JSON.parse(output) as Hunt);
      else resolve(`the hunter ended with ${signal ?? code}: ${complaints.trim().slice(0, 2_000)}`);
    });
  });
}
