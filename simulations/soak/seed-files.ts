// Seeds that have failed once, a small file each in simulations/seeds: `npm test` runs them for ever.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./run.ts";

const FOLDER = join(import.meta.dirname, "..", "seeds");

export interface SeedFile {
  readonly seed: string;
  readonly ticks: number;
  /** The commit at which it failed. */
  readonly commit: string;
  readonly checker: string;
  readonly message: string;
  /** What it was, when that is known. */
  readonly cause?: string;
}

/** @returns the path of the file */
export function keepSeed({ seed, ticks, failure }: Report, commit: string): string {
  const { checker = "", message = "" } = failure ?? {};
  const file: SeedFile = { seed, ticks, commit, checker, message };
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${seed.replaceAll(/[^\w-]/g, "_")}.json`);
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
  return path;
}

export function keptSeeds(): readonly SeedFile[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as SeedFile);
}
