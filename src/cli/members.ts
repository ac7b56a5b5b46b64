// `tepui members`: who belongs to the group of masters, and its changes one member at a time.
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { parseAddress } from "../host/tcp-network.ts";
import { mastersSetting } from "./common-settings.ts";
import { type Member, type MembersView, membersView, type Order, order } from "./members-client.ts";
import { createProgressBar } from "./progress-bar.ts";
import { type Setting, wholeNumber, withSettings } from "./settings.ts";
import { table } from "./table.ts";

const TIMEOUT_SECONDS = 600;
/** The list alone does not wait long for a leader. */
const LIST_TIMEOUT_SECONDS = 10;
const POLL_MS = 250;

const settings: readonly Setting[] = [
  mastersSetting,
  { flags: "--json", description: "the members afterwards as one JSON object" },
  {
    flags: "--timeout <seconds>",
    description:
      "give up waiting (for a leader, for another change, for a learner to catch up) after so long",
    default: TIMEOUT_SECONDS,
    parse: wholeNumber(1, 1_000_000),
  },
];

interface Flags {
  readonly master: readonly string[];
  readonly json?: boolean;
  readonly timeout: number;
}

interface AddFlags extends Flags {
  readonly promote?: boolean;
}

export function membersCommand(): Command {
  const command = new Command("members").description("show and change the group of masters");
  withSettings(
    command
      .command("list")
      .description("who belongs to the group, who leads, and how far each is")
      .action((flags: Flags) => list(flags)),
    settings,
  );
  withSettings(
    command
      .command("add")
      .description(
        "add a master as a learner: it receives the log and does not vote until it is promoted\n" +
          "(start it with: tepui master --join --id ID --member ID=RAFT,API)",
      )
      .argument("<id>", "its name; never the name of a master whose data was lost")
      .argument("<raft>", "host:port at which the others reach its Raft port")
      .argument("<api>", "host:port of its API")
      .action(add),
    [...settings, { flags: "--promote", description: "wait until it has caught up, then let it vote" }],
  );
  withSettings(
    command
      .command("promote")
      .description("let a learner vote; waits until it has caught up")
      .argument("<id>")
      .action(promote),
    settings,
  );
  withSettings(
    command
      .command("remove")
      .description("remove a master, the leader too; its process is to be stopped afterwards")
      .argument("<id>")
      .action(remove),
    settings,
  );
  withSettings(
    command
      .command("transfer")
      .description("hand leadership to a voter, or to the one that is furthest")
      .argument("[id]")
      .action(transfer),
    settings,
  );
  return command;
}

async function list(flags: Flags): Promise<void> {
  const timeout = Math.min(flags.timeout, LIST_TIMEOUT_SECONDS);
  show(await membersView(patienceOf({ ...flags, timeout })), flags);
}

async function add(id: string, raftAddress: string, apiAddress: string, flags: AddFlags): Promise<void> {
  parseAddress(raftAddress);
  parseAddress(apiAddress);
  await carryOut({ kind: "add-learner", id, raftAddress, apiAddress }, flags);
  say(flags, `${id} is a learner. If it does not run yet, start it with an empty data directory:`);
  say(flags, `  tepui master --join --id ${id} --member ${id}=${raftAddress},${apiAddress} …`);
  if (flags.promote === true) await promote(id, flags);
  else {
    say(flags, `and let it vote when it has caught up: tepui members promote ${id}\n`);
    await list(flags);
  }
}

async function promote(id: string, flags: Flags): Promise<void> {
  const patience = patienceOf(flags);
  const bar = createProgressBar(process.stderr);
  try {
    for (;;) {
      const outcome = await order({ kind: "promote", id }, patience);
      if (outcome.kind === "done") break;
      if (outcome.reason !== "not-caught-up")
        throw new Error(explained({ kind: "promote", id }, outcome.reason));
      const view = await membersView(patience);
      const member = view.members.find((each) => each.id === id);
      if (performance.now() > patience.deadlineMs) throw new Error(notCaughtUp(id, member));
      bar.update(member?.progress?.match ?? 0, Math.max(1, view.lastIndex), `entries at ${id}`);
      await sleep(POLL_MS);
    }
  } finally {
    bar.end();
  }
  say(flags, `${id} votes.\n`);
  await list(flags);
}

async function remove(id: string, flags: Flags): Promise<void> {
  await carryOut({ kind: "remove", id }, flags);
  say(flags, `${id} is no member any more. Stop its process; its data directory is of no use.\n`);
  await list(flags);
}

async function transfer(id: string | undefined, flags: Flags): Promise<void> {
  await carryOut({ kind: "transfer", ...(id === undefined ? {} : { id }) }, flags);
  await list(flags);
}

/** @throws Error that says why not, and what to do */
async function carryOut(wanted: Order, flags: Flags): Promise<void> {
  const outcome = await order(wanted, patienceOf(flags));
  if (outcome.kind === "refused") throw new Error(explained(wanted, outcome.reason));
}

function patienceOf(flags: Flags): { readonly masters: readonly string[]; readonly deadlineMs: number } {
  return { masters: flags.master, deadlineMs: performance.now() + flags.timeout * 1000 };
}

function explained(wanted: Order, reason: string): string {
  const { id = "the other voter" } = wanted;
  switch (reason) {
    case "already-member":
      return wanted.kind === "promote"
        ? `${id} votes already`
        : `${id} is a member already; a machine that replaces another needs a name of its own`;
    case "unknown-member":
      return `${id} is no member; see tepui members list`;
    case "not-voter":
      return `${id} is a learner; let it vote first: tepui members promote ${id}`;
    case "last-voter":
      return wanted.kind === "transfer"
        ? "there is no other voter"
        : `${id} is the only voter; add and promote another first`;
    case "too-many":
      return "the group has as many members as it can have; remove one first";
    case "transfer-failed":
      return `${id} did not take over in time: is it up, and has it caught up? See tepui members list`;
    default:
      return `refused: ${reason}`;
  }
}

function notCaughtUp(id: string, member: Member | undefined): string {
  const match = member?.progress?.match ?? 0;
  return match === 0
    ? `nothing of the log has arrived at ${id} in time: does it run (tepui master --join --id ${id} …), and is ${member?.raftAddress ?? "its Raft address"} the address at which the others reach it?`
    : `${id} has not caught up in time; say it again to go on waiting`;
}

function show(view: MembersView, flags: Flags): void {
  if (flags.json === true) {
    const { leader, lastIndex, groupId, members } = view;
    print(JSON.stringify({ leader, lastIndex, groupId, members }, null, 2));
    return;
  }
  const rows = view.members.map((member) => [
    member.id,
    member.raftAddress,
    member.apiAddress,
    member.id === view.leader ? "leader" : member.kind,
    String(member.id === view.leader ? view.lastIndex : (member.progress?.match ?? "")),
    member.progress?.healing === true ? "healing" : (member.progress?.state ?? ""),
  ]);
  print(table(["ID", "RAFT", "API", "ROLE", "ENTRIES", "STATE"], rows));
}

function say(flags: Flags, line: string): void {
  if (flags.json !== true) print(line);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
