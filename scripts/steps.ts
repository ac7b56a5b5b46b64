// Runs the tools of the project one after the other, saying what runs and how long it took; stops at the first failure.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");

export interface Step {
  readonly name: string;
  /** A tool of node_modules/.bin, or a script of ours, and its arguments. */
  readonly words: readonly string[];
}

/** Tools are started by the Node that runs this, so that an old one on the machine does not matter. */
export function runSteps(steps: readonly Step[]): void {
  for (const step of steps) {
    const started = performance.now();
    process.stdout.write(`── ${step.name}\n`);
    const [tool = "", ...words] = step.words;
    const path = tool.endsWith(".ts") ? join(root, tool) : join(root, "node_modules", ".bin", tool);
    const done = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", path, ...words], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}` },
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (done.status !== 0) {
      process.stdout.write(`── ${step.name} failed after ${seconds} s\n`);
      process.exit(1);
    }
    process.stdout.write(`── ${step.name}: ${seconds} s\n`);
  }
}
