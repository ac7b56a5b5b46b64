// `tepui run`: one task, its output as it comes, and its exit code as ours.
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import {
  Framework,
  FrameworkError,
  isOver,
  type Offer,
  readSandboxFile,
  runTasks,
  type SandboxAddress,
  type TaskRequest,
  type TaskStatus,
} from "../frameworks/sdk/index.ts";
import { EXIT, shellCodeOf } from "../host/exit-codes.ts";
import { mastersSetting } from "./common-settings.ts";
import { positiveNumber, type Setting, withSettings } from "./settings.ts";

const OUTPUT_POLL_MS = 200;
/** Silence of all masters that is worth a word. */
const MASTER_PATIENCE_MS = 3_000;

const settings: readonly Setting[] = [
  mastersSetting,
  { flags: "--name <name>", description: "name of the task", default: "run" },
  {
    flags: "--cpus <n>",
    description: "CPUs, thousandths at the finest",
    default: 0.1,
    parse: positiveNumber,
  },
  { flags: "--mem <mb>", description: "memory; megabytes", default: 32, parse: positiveNumber },
  {
    flags: "--image <image>",
    description: "image known to the agent's containerd, or the path of an OCI archive on the agent",
  },
  { flags: "--role <role>", description: "role to take offers for", default: "*" },
  { flags: "--user <user>", description: "user on the agent to run as" },
];

interface RunFlags {
  readonly master: readonly string[];
  readonly name: string;
  readonly cpus: number;
  readonly mem: number;
  readonly image?: string;
  readonly role: string;
  readonly user?: string;
}

export function runCommand(): Command {
  const command = new Command("run")
    .description("run one task: streams its status and output, ends with its exit code; Ctrl-C kills it")
    .usage("[options] -- COMMAND [ARGUMENT …]")
    .argument("<command...>", "one word: a shell command line; several: a program and its arguments");
  return withSettings(command, settings).action(run);
}

async function run(words: readonly string[], flags: RunFlags): Promise<void> {
  const framework = new Framework({
    masters: flags.master,
    name: `run ${flags.name}`,
    roles: [flags.role],
    failoverTimeoutSeconds: 0,
  });
  framework.on("disconnected", ({ reason }) => status(`lost the master (${reason}), looking for the leader`));
  await subscribe(framework, flags.master);
  const taskId = `${flags.name}-${randomUUID()}`;
  const output = new OutputStream(taskId);
  const interruption = interrupter(framework, taskId);
  try {
    const [outcome] = await runTasks(framework, [request(taskId, words, flags)], {
      attemptsMax: 1,
      onLaunch: (_id, offer) => {
        interruption.launched();
        output.begin(framework.id() ?? "", offer);
      },
      onUpdate: (_id, update) => onUpdate(update, output),
    });
    await output.finish();
    process.exitCode = outcome === undefined ? EXIT.failed : exitCode(outcome.status);
  } catch (error) {
    if (!(error instanceof FrameworkError && error.code === "stopped")) throw error;
    process.exitCode = EXIT.interrupted;
  } finally {
    await framework.stop({ teardown: true }).catch((error: unknown) => {
      if (!(error instanceof FrameworkError)) throw error;
    });
  }
}

async function subscribe(framework: Framework, masters: readonly string[]): Promise<void> {
  const notice = setTimeout(
    () => status(`no master has answered yet (${masters.join(", ")}); trying on`),
    MASTER_PATIENCE_MS,
  );
  try {
    await framework.start();
  } finally {
    clearTimeout(notice);
  }
}

/** The first Ctrl-C or SIGTERM kills the task, or leaves if there is none yet; a second one ends the command at once. */
function interrupter(framework: Framework, taskId: string): { launched(): void } {
  let isLaunched = false;
  const kill = (): void => void framework.kill(taskId).catch(() => undefined);
  const interrupt = (): void => {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    if (!isLaunched) {
      void framework.stop({ teardown: true }).catch(() => undefined);
      return;
    }
    status("killing the task");
    kill();
    // The call may be lost with its master.
    framework.on("subscribed", kill);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return {
    launched() {
      isLaunched = true;
    },
  };
}

function onUpdate(update: TaskStatus, output: OutputStream): void {
  const why = update.message === undefined ? "" : `: ${update.message}`;
  status(`${update.state}${why}`);
  if (!isOver(update)) output.follow();
}

/** A shell's convention: the code itself, or 128 + the signal. The agent says them in the status' message. */
function exitCode(end: TaskStatus): number {
  if (end.state === "TASK_FINISHED") return EXIT.done;
  if (end.state === "TASK_KILLED") return EXIT.interrupted;
  // A task that failed although its command ended well, for its time was up, is a failure.
  return shellCodeOf(end.message ?? "") || EXIT.failed;
}

function request(id: string, words: readonly string[], flags: RunFlags): TaskRequest {
  const [only] = words;
  return {
    id,
    name: flags.name,
    cpus: flags.cpus,
    mem: flags.mem,
    command: words.length === 1 && only !== undefined ? only : words,
    ...(flags.image === undefined ? {} : { image: flags.image }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
  };
}

/** Copies what the task writes to our own stdout and stderr while it runs, and the rest at its end. */
class OutputStream {
  private readonly taskId: string;
  private sandbox: SandboxAddress | undefined;
  private following: Promise<void> | undefined;
  private wake: () => void = () => undefined;
  private over = false;
  private readonly offsets = { stdout: 0, stderr: 0 };

  constructor(taskId: string) {
    this.taskId = taskId;
  }

  begin(frameworkId: string, offer: Offer): void {
    const address = offer.url?.address;
    status(`launching on ${offer.hostname}`);
    if (address === undefined) return;
    this.sandbox = {
      agent: `${address.ip ?? address.hostname ?? offer.hostname}:${address.port}`,
      path: `/frameworks/${frameworkId}/executors/${this.taskId}/runs/latest`,
    };
  }

  follow(): void {
    this.following ??= this.poll();
  }

  async finish(): Promise<void> {
    this.over = true;
    this.wake();
    await this.following;
    await this.copy();
  }

  /** One copy at a time, so that nothing is written twice. */
  private async poll(): Promise<void> {
    while (!this.over) {
      await this.copy();
      if (!this.over) await this.pause();
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, OUTPUT_POLL_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async copy(): Promise<void> {
    await this.copyFile("stdout", process.stdout);
    await this.copyFile("stderr", process.stderr);
  }

  private async copyFile(name: "stdout" | "stderr", to: NodeJS.WriteStream): Promise<void> {
    if (this.sandbox === undefined) return;
    try {
      const bytes = await readSandboxFile(this.sandbox, name, this.offsets[name]);
      this.offsets[name] += bytes.length;
      to.write(bytes);
    } catch {
      // Not there yet, or the agent is away: the next poll, or the end, copies the rest.
    }
  }
}

function status(line: string): void {
  process.stderr.write(`tepui: ${line}\n`);
}
