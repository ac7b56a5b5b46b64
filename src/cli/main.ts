// The `tepui` command: reads the words, leaves the work to the other files of this folder.
import { Command, CommanderError } from "commander";
import { EXIT, exitCodeOf } from "../host/exit-codes.ts";
import { packageVersion } from "../host/version.ts";
import { agentCommand } from "./agent.ts";
import { agentsCommand } from "./agents.ts";
import { logCommand } from "./log.ts";
import { masterCommand } from "./master.ts";
import { membersCommand } from "./members.ts";
import { quotaCommand } from "./quota.ts";
import { recoverCommand } from "./recover.ts";
import { rolesCommand } from "./roles.ts";
import { runCommand } from "./run.ts";
import { stateCommand } from "./state.ts";
import { upCommand } from "./up.ts";
import { weightsCommand } from "./weights.ts";
import { whatifCommand } from "./whatif.ts";
import { whyCommand } from "./why.ts";

const DESCRIPTION =
  "An open datacenter kernel: pools the machines of a cluster and offers them to frameworks, over the v1 HTTP APIs of " +
  'Apache Mesos. Begin with "tepui up".\n\n' +
  "Every setting can also be given as an environment variable (--data-dir as TEPUI_DATA_DIR) or in a JSON file " +
  "(--config FILE, or TEPUI_CONFIG).";

async function main(): Promise<void> {
  const program = new Command("tepui").description(DESCRIPTION).version(packageVersion());
  for (const command of [
    upCommand(),
    masterCommand(),
    agentCommand(),
    stateCommand(),
    runCommand(),
    membersCommand(),
    agentsCommand(),
    rolesCommand(),
    quotaCommand(),
    weightsCommand(),
    logCommand(),
    recoverCommand(),
    whyCommand(),
    whatifCommand(),
  ]) {
    program.addCommand(command);
  }
  applyToAll(program, "tepui");
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    else {
      process.stderr.write(`tepui: ${error instanceof Error ? error.message : String(error)}\n`);
      // Not by itself: the channel to whoever started us would keep a process alive that has failed.
      process.exit(exitCodeOf(error));
    }
  }
}

/** Errors of usage are thrown, not exited on, so that they end with one code whatever the command. */
function applyToAll(command: Command, words: string): void {
  command.exitOverride();
  command.showHelpAfterError(`(see "${words} --help")`);
  for (const child of command.commands) applyToAll(child, `${words} ${child.name()}`);
}

// Whoever reads our output has had enough, as in `tepui log cat … | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.done : EXIT.failed);
});

await main();
