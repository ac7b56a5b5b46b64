// `tepui log`: what is in the event log of a master, running or stopped.

import { Command } from "commander";
import { describeEvent, inspect } from "../debugger/index.ts";
import { EXIT } from "../host/exit-codes.ts";
import { contentOf, effectiveEntries, logRecords, stateBefore } from "../host/log-folder.ts";
import { plainJson } from "../host/plain-json.ts";
import { readableEvent } from "../host/readable-statuses.ts";
import type { LogRecord } from "../log/index.ts";
import type { Entry } from "../state/codec.ts";
import type { Event } from "../state/events.ts";
import type { ClusterState } from "../state/model.ts";
import { exportCommand, importCommand } from "./log-transfer.ts";
import { verifyCommand } from "./log-verify.ts";
import { table } from "./table.ts";

export function logCommand(): Command {
  const command = new Command("log").description("read the event log of a running or stopped master");
  command
    .command("ls")
    .description("list the log's snapshots and segments")
    .argument("<data-dir>", "the master's data directory")
    .action(list);
  command
    .command("cat")
    .description("print the events, one a line")
    .argument("<data-dir>", "the master's data directory")
    .option("--from <index>", "first entry", Number, 1)
    .option("--to <index>", "last entry", Number, Number.MAX_SAFE_INTEGER)
    .option("--json", "each event as JSON with index, term and time")
    .option("--patches", "also what each event changed in the state, as JSON patches")
    .action(cat);
  for (const each of [verifyCommand(), exportCommand(), importCommand()]) command.addCommand(each);
  return command;
}

async function list(dataDirectory: string): Promise<void> {
  const rows: string[][] = [];
  let segment: { kind: string; file: string; first: number; last: number; entries: number } | undefined;
  const close = (): void => {
    if (segment === undefined) return;
    const { kind, file, first, last, entries } = segment;
    rows.push([kind, file, entries === 0 ? "" : `${first}–${last}`, String(entries)]);
    segment = undefined;
  };
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind === "snapshot")
      rows.push([archivedOr(record, "snapshot"), record.file, `…–${record.point.index}`, ""]);
    else if (record.kind === "segment") {
      close();
      segment = { kind: archivedOr(record, "segment"), file: record.file, first: 0, last: 0, entries: 0 };
    } else if (record.kind === "entry" && segment !== undefined) {
      segment.first = segment.entries === 0 ? record.entry.index : segment.first;
      segment.last = record.entry.index;
      segment.entries++;
    } else if (record.kind === "damage") damaged(record);
  }
  close();
  print(table(["KIND", "FILE", "ENTRIES", "COUNT"], rows));
}

function archivedOr({ isArchived }: { readonly isArchived: boolean }, kind: string): string {
  return isArchived ? `archived ${kind}` : kind;
}

interface CatFlags {
  readonly from: number;
  readonly to: number;
  readonly json?: boolean;
  readonly patches?: boolean;
}

async function cat(dataDirectory: string, flags: CatFlags): Promise<void> {
  let changes: Inspector | null = null;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage") {
      damaged(record);
      changes = null;
      continue;
    }
    const { index, term } = record.entry;
    if (index < flags.from || index > flags.to) continue;
    const content = contentOf(record.entry);
    if (content === null) continue;
    if (flags.patches === true) changes ??= inspector(await stateBefore(dataDirectory, index));
    const patches = changes?.(content) ?? [];
    content.events.forEach((event, i) => {
      printEvent({ index, term, time: content.time, event, patches: patches[i] }, flags.json === true);
    });
  }
}

interface EventLine {
  readonly index: number;
  readonly term: number;
  readonly time: number;
  readonly event: Event;
  /** What it changed in the state; undefined unless asked for. */
  readonly patches: readonly unknown[] | undefined;
}

function printEvent({ index, term, time, event, patches }: EventLine, json: boolean): void {
  if (json) {
    print(JSON.stringify({ index, term, time, ...event, patches }, plainJson));
    return;
  }
  print(`${index} ${term} ${new Date(time).toISOString()} ${describeEvent(readableEvent(event))}`);
  for (const patch of patches ?? []) print(`    ${JSON.stringify(patch, plainJson)}`);
}

/** Gives, entry after entry, the patches of each of its events. */
type Inspector = (entry: Entry) => (readonly unknown[])[];

function inspector(start: ClusterState): Inspector {
  let state = start;
  return (entry) => {
    const changes = [...inspect(state, [entry])];
    state = changes.at(-1)?.state ?? state;
    return changes.map(({ patches }) => patches);
  };
}

function damaged(record: Extract<LogRecord, { kind: "damage" }>): void {
  process.stderr.write(`tepui: ${record.file} is damaged at byte ${record.offset}: ${record.why}\n`);
  process.exitCode = EXIT.logDamaged;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
