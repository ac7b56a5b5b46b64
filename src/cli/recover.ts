// `tepui recover`: when most masters of a cluster are gone for good, one that survived becomes a cluster of its own.
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { EXIT } from "../host/exit-codes.ts";
import { lockFolder } from "../host/folder-lock.ts";
import { nodeRandom } from "../host/node-random.ts";
import { type Recovered, recoverAlone, type Survivor, surveySurvivor } from "../host/recover-log.ts";
import { parseMembers } from "./master.ts";
import { type Setting, withSettings } from "./settings.ts";

const settings: readonly Setting[] = [
  {
    flags: "--data-dir <path>",
    description: "the surviving master's data directory; the master must be stopped",
    default: "tepui-master",
  },
  {
    flags: "--member <name=raft,api>",
    description:
      "the surviving master: its name, and the host:port of its Raft port and its API, as it will be started",
    separator: ";",
  },
  { flags: "--yes", description: "do it without asking" },
];

type Self = ReturnType<typeof parseMembers>[number];

interface RecoverFlags {
  readonly dataDir: string;
  readonly member?: readonly string[];
  readonly yes?: boolean;
}

export function recoverCommand(): Command {
  const command = new Command("recover").description(
    "last resort: make a new cluster out of one surviving master, when a majority is lost for good",
  );
  return withSettings(command, settings).action(recover);
}

async function recover(flags: RecoverFlags, command: Command): Promise<void> {
  const [self, ...others] = parseMembers(flags.member ?? []);
  if (self === undefined || others.length > 0)
    command.error("error: give the surviving master, and only it, with --member name=host:port,host:port");
  const lock = await lockFolder(flags.dataDir);
  try {
    const survivor = await surveySurvivor(flags.dataDir);
    process.stdout.write(`${described(survivor, self).join("\n")}\n`);
    checkMember(survivor, self);
    if (flags.yes !== true && !(await agreed())) {
      process.stdout.write("Nothing was changed.\n");
      process.exitCode = EXIT.failed;
      return;
    }
    const { raftAddress, apiAddress } = self;
    const recovered = await recoverAlone(flags.dataDir, self.id, { raftAddress, apiAddress }, nodeRandom());
    process.stdout.write(`${done(self, recovered).join("\n")}\n`);
  } finally {
    await lock.release();
  }
}

function described(survivor: Survivor, self: Self): readonly string[] {
  const { lastIndex, lastTerm, committedIndex, frameworks, agents, tasks, damage } = survivor;
  const dropped = droppedMembers(survivor, self);
  return [
    `The log ends with entry ${lastIndex} of term ${lastTerm}.`,
    `Up to it the cluster has ${frameworks} frameworks, ${agents} agents and ${tasks} tasks that have not ended.`,
    `Entries up to ${committedIndex} are known to have been committed. Those from ${committedIndex + 1} on may be ones ` +
      "that nobody was told of; they will count from now on.",
    `What the lost members had after entry ${lastIndex} is lost, although frameworks and agents may have been told of it: ` +
      "tasks launched since go on on their agents and are reported as they come back, acceptances, kills and removals " +
      "since then are forgotten.",
    dropped === null
      ? "The log names no members: whichever there were, only this one stays."
      : `Members that are dropped: ${dropped.length === 0 ? "none" : dropped.join(", ")}. They must never start again.`,
    ...damage.map((place) => `Damaged, and cut with all that follows: ${place}.`),
  ];
}

function droppedMembers({ membership }: Survivor, self: Self): readonly string[] | null {
  if (membership === null) return null;
  const { voters, outgoing, learners } = membership;
  return [...new Set([...voters, ...outgoing, ...learners])].filter((id) => id !== self.id);
}

/** @throws Error if the log knows its members and this is none of them */
function checkMember({ membership }: Survivor, { id }: Self): void {
  if (membership === null) return;
  const known = [...membership.voters, ...membership.outgoing, ...membership.learners];
  if (!known.includes(id))
    throw new Error(`${id} is none of this log's members, which are ${known.join(", ")}`);
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error("nobody can be asked here: run it on a terminal, or with --yes");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question('Type "recover" to go on: ')).trim() === "recover";
  } finally {
    terminal.close();
  }
}

function done({ id, raftAddress, apiAddress }: Self, { index, term, groupId, backup }: Recovered) {
  return [
    `${id} is the only member now, by entry ${index} of term ${term}. The log as it was is in ${backup}.`,
    `It is a group of its own now, with the id ${groupId}: it and the members of the old one refuse each other.`,
    `Start it with: tepui master --id ${id} --member ${id}=${raftAddress},${apiAddress} --data-dir …`,
    "Then let new masters, with names and data directories never used before, join it (tepui master --join), and " +
      "make them voters with tepui members promote.",
  ];
}
