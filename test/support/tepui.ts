// The `tepui` command as a person runs it: a process with words, what it printed, and how it ended.
import { type ChildProcess, spawn } from "node:child_process";
import { TEPUI_COMMAND } from "./cluster.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** So far. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Ended>;
}

export interface TepuiOptions {
  /** Beside the environment of the test, from which TEPUI_ variables are left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export function startTepui(words: readonly string[], options: TepuiOptions = {}): Running {
  const [program = "", ...before] = TEPUI_COMMAND;
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("TEPUI_"));
  const child = spawn(program, [...before, ...words], {
    env: { ...Object.fromEntries(inherited), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

export function tepui(words: readonly string[], options: TepuiOptions = {}): Promise<Ended> {
  return startTepui(words, options).ended;
}
