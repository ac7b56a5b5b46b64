// One program of the lab in the namespace of its host: started, signalled, awaited; its output in a file.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { eventually } from "../support/cluster.ts";

/** What is asked to end and does not is killed. Milliseconds. */
const END_PATIENCE_MS = 15_000;

export interface MemberPlan {
  readonly host: string;
  /** Program and arguments, with those that lead into the namespace. */
  readonly words: readonly string[];
  /** File that its output is appended to. */
  readonly log: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Member {
  readonly host: string;
  readonly #plan: MemberPlan;
  readonly #exits: Exit[] = [];
  readonly #messages: ((message: unknown) => void)[] = [];
  #child: ChildProcess | undefined;

  constructor(plan: MemberPlan) {
    this.host = plan.host;
    this.#plan = plan;
  }

  isUp(): boolean {
    return this.#child !== undefined;
  }

  /** With a channel, which tells it if we die. */
  start(): void {
    const [program = "", ...words] = this.#plan.words;
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("TEPUI_"));
    const child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
      env: Object.fromEntries(environment),
    });
    this.#child = child;
    const log = createWriteStream(this.#plan.log, { flags: "a" });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    child.once("close", () => log.end());
    child.on("message", (message) => {
      for (const handler of this.#messages) handler(message);
    });
    child.once("error", () => this.#ended({ code: null, signal: null }));
    child.once("exit", (code, signal) => this.#ended({ code, signal }));
  }

  onMessage(handler: (message: unknown) => void): void {
    this.#messages.push(handler);
  }

  send(message: object): void {
    this.#child?.send(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** How it ended each time, oldest first. */
  exits(): readonly Exit[] {
    return this.#exits;
  }

  /** Resolves with the way in which it ends. */
  async untilEnd(patienceMs: number = END_PATIENCE_MS): Promise<Exit> {
    const child = this.#child;
    if (child !== undefined) {
      await eventually(
        `the end of ${this.host}`,
        () => this.#child !== child,
        patienceMs,
        () => "",
      );
    }
    return this.#exits.at(-1) ?? { code: null, signal: null };
  }

  /** Sends a signal, and SIGKILL if that does not help. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), END_PATIENCE_MS);
    await this.untilEnd(2 * END_PATIENCE_MS);
    clearTimeout(timer);
  }

  output(): Promise<string> {
    return readFile(this.#plan.log, "utf8");
  }

  #ended(exit: Exit): void {
    this.#exits.push(exit);
    this.#child = undefined;
  }
}
