// Has a cell measured by a process of its own, within bounds of time and memory.
import { type ChildProcess, spawn } from "node:child_process";
import { freemem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Figures } from "./cases.ts";
import type { Cell } from "./clusters.ts";

/** Part of the memory that is free which a cell may take. */
const MEMORY_SHARE = 0.8;
const MIB = 2 ** 20;
const CELL_MS_MAX = 30 * 60 * 1_000;

/** Why there are no figures. */
export interface NoFigures {
  readonly problem: string;
}

export class CellProcess {
  #child: ChildProcess | null = null;

  measure(cell: Cell, runs: number): Promise<Figures | NoFigures> {
    const bytesMax = freemem() * MEMORY_SHARE;
    const script = fileURLToPath(new URL("cell.ts", import.meta.url));
    const heap = `--max-old-space-size=${Math.floor(bytesMax / MIB)}`;
    const order = JSON.stringify({ cell, runs, bytesMax });
    const child = spawn(process.execPath, [heap, script, order], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    return outcomeOf(child);
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
  }
}

function outcomeOf(child: ChildProcess): Promise<Figures | NoFigures> {
  let [out, errors, isLate] = ["", "", false];
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = `${errors}${chunk.toString()}`.slice(-10_000);
  });
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, CELL_MS_MAX);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(JSON.parse(out) as Figures);
      else resolve({ problem: isLate ? "took more than half an hour" : problemOf(errors, code, signal) });
    });
  });
}

function problemOf(errors: string, code: number | null, signal: NodeJS.Signals | null): string {
  if (errors.includes("heap out of memory")) return "does not fit in memory";
  const line = errors.split("\n").find((each) => each.includes("Error"));
  return line ?? `ended with ${signal ?? code}`;
}
