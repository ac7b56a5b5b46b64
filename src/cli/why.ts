// `tepui why`: why a framework gets no offers, or what a task waits for; now, from the leader, or at any moment that a
// master's log still holds, because the allocator does the same again from the same state.
import { Command } from "commander";
import { parse } from "../allocator/index.ts";
import { contentOf, effectiveEntries, stateBefore } from "../host/log-folder.ts";
import { asMillis, type Millis } from "../kernel/ids.ts";
import type { ClusterState } from "../state/model.ts";
import { findSubjects, type Readable, type WhyReport, why, whyJson } from "../state/why.ts";
import { getJson, leaderApi, statusOfAny } from "./api-client.ts";
import { mastersSetting } from "./common-settings.ts";
import { type Setting, withSettings } from "./settings.ts";
import { whyText } from "./why-text.ts";

const settings: readonly Setting[] = [
  mastersSetting,
  { flags: "--needs <resources>", description: 'what a task would need, such as "cpus:1;mem:128"' },
  { flags: "--data-dir <path>", description: "ask a master's data directory instead of a running cluster" },
  {
    flags: "--at <moment>",
    description: "with --data-dir: after this entry of the log (an index), or at this time (ISO 8601)",
  },
  { flags: "--json", description: "the whole report as JSON" },
];

interface WhyFlags {
  readonly master: readonly string[];
  readonly needs?: string;
  readonly dataDir?: string;
  readonly at?: string;
  readonly json?: boolean;
}

type Report = Readable<WhyReport>;

export function whyCommand(): Command {
  const command = new Command("why")
    .description("explain why a framework gets no offers, or what a task waits for")
    .argument("<framework-or-task>", "id of a framework or a task, or a framework's name");
  return withSettings(command, settings).action(explain);
}

async function explain(subject: string, flags: WhyFlags): Promise<void> {
  if (flags.at !== undefined && flags.dataDir === undefined) {
    throw new Error("--at looks into the past: give a master's data directory with --data-dir");
  }
  const reports =
    flags.dataDir === undefined
      ? await askLeader(subject, flags)
      : await askLog(subject, flags.dataDir, flags);
  const output = flags.json === true ? JSON.stringify(reports, null, 2) : reports.map(whyText).join("\n\n");
  process.stdout.write(`${output}\n`);
}

async function askLeader(subject: string, { master, needs }: WhyFlags): Promise<readonly Report[]> {
  const leader = leaderApi(await statusOfAny(master));
  if (leader === null) {
    throw new Error("no leader at the moment: a majority of the masters must be up and reach each other");
  }
  const query = new URLSearchParams({ subject, ...(needs === undefined ? {} : { wanted: needs }) });
  return (await getJson(`http://${leader}/tepui/v1/why?${query}`)) as readonly Report[];
}

async function askLog(subject: string, dataDirectory: string, flags: WhyFlags): Promise<readonly Report[]> {
  const wanted = flags.needs === undefined ? null : parse(flags.needs);
  if (wanted?.ok === false) throw new Error(`--needs: ${wanted.error}`);
  const { state, now } = await moment(dataDirectory, flags.at);
  const found = findSubjects(state, subject);
  if (found.length === 0) throw new Error(`no framework and no task was called "${subject}" then`);
  const reports = found.flatMap((each) => why(state, now, each, wanted?.value ?? null) ?? []);
  return reports.map((report) => JSON.parse(whyJson(report)) as Report);
}

/** What the leader would have answered from: its state, and the time, which filters and offers are measured by. */
interface Moment {
  readonly state: ClusterState;
  readonly now: Millis;
}

/** @param at an index or a time; the end of the log if left out */
async function moment(dataDirectory: string, at: string | undefined): Promise<Moment> {
  if (at !== undefined && /^\d+$/.test(at)) return asOf(await stateBefore(dataDirectory, Number(at) + 1));
  const until = at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at);
  if (Number.isNaN(until)) throw new Error(`--at ${at}: neither an index of the log nor a time`);
  let last = 0;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage") continue;
    const content = contentOf(record.entry);
    if (content !== null && content.time > until) break;
    last = record.entry.index;
  }
  const state = await stateBefore(dataDirectory, last + 1);
  return at === undefined ? asOf(state) : { state, now: asMillis(Math.max(state.time, until)) };
}

function asOf(state: ClusterState): Moment {
  return { state, now: state.time };
}
