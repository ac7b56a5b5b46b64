// `tepui log`: what is in the event log of a master, running or stopped.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { describeEvent } from "../debugger/index.ts";
import { EXIT } from "../host/exit-codes.ts";
import { createNodeDisk } from "../host/node-disk.ts";
import { type LogRecord, readLog } from "../log/index.ts";
import { decodeEntry } from "../state/codec.ts";
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
    .action(cat);
  return command;
}

async function list(dataDirectory: string): Promise<void> {
  const rows: string[][] = [];
  let segment: { file: string; first: number; last: number; entries: number } | undefined;
  const close = (): void => {
    if (segment === undefined) return;
    const { file, first, last, entries } = segment;
    rows.push(["segment", file, entries === 0 ? "" : `${first}–${last}`, String(entries)]);
    segment = undefined;
  };
  for await (const record of records(dataDirectory)) {
    if (record.kind === "snapshot") rows.push(["snapshot", record.file, `…–${record.point.index}`, ""]);
    else if (record.kind === "segment") {
      close();
      segment = { file: record.file, first: 0, last: 0, entries: 0 };
    } else if (record.kind === "entry" && segment !== undefined) {
      segment.first = segment.entries === 0 ? record.entry.index : segment.first;
      segment.last = record.entry.index;
      segment.entries++;
    } else if (record.kind === "damage") damaged(record);
  }
  close();
  print(table(["KIND", "FILE", "ENTRIES", "COUNT"], rows));
}

interface CatFlags {
  readonly from: number;
  readonly to: number;
  readonly json?: boolean;
}

async function cat(dataDirectory: string, flags: CatFlags): Promise<void> {
  for await (const record of records(dataDirectory)) {
    if (record.kind === "damage") damaged(record);
    if (record.kind !== "entry") continue;
    const { index, term, payload } = record.entry;
    if (index < flags.from || index > flags.to || payload.length === 0) continue;
    const entry = decodeEntry(payload);
    if (!entry.ok) throw new Error(`entry ${index}: ${entry.error.message}`);
    const { time, events } = entry.value;
    for (const event of events) {
      if (flags.json === true) print(JSON.stringify({ index, term, time, ...event }, plain));
      else print(`${index} ${term} ${new Date(time).toISOString()} ${describeEvent(event)}`);
    }
  }
}

async function* records(dataDirectory: string): AsyncGenerator<LogRecord> {
  const directory = join(dataDirectory, "log");
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new Error(`${directory} is no log; give a master's data directory`);
  yield* readLog({ disk: createNodeDisk(dataDirectory), directory: "log" });
}

function damaged(record: Extract<LogRecord, { kind: "damage" }>): void {
  process.stderr.write(`tepui: ${record.file} is damaged at byte ${record.offset}: ${record.why}\n`);
  process.exitCode = EXIT.logDamaged;
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "bigint" ? value.toString() : value;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
