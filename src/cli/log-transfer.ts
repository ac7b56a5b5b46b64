// `tepui log export` and `tepui log import`: a stopped master's log as one file.
import { Command } from "commander";
import { Interrupted } from "../host/exit-codes.ts";
import { lockFolder } from "../host/folder-lock.ts";
import { exportLog, importLog, type LogFileSummary } from "../host/log-file.ts";

export function exportCommand(): Command {
  return new Command("export")
    .description("write a stopped master's whole log (with snapshots and archive) to one checksummed file")
    .argument("<data-dir>", "the master's data directory")
    .argument("<file>", 'a new file, or "-" for standard output')
    .action((dataDirectory: string, file: string) =>
      locked(dataDirectory, async (signal) => told("exported", await exportLog(dataDirectory, file, signal))),
    );
}

export function importCommand(): Command {
  return new Command("import")
    .description(
      "make a data directory from an exported file; the master it came from must never start again",
    )
    .argument("<file>", "what export wrote")
    .argument("<data-dir>", "a directory that is empty or not there yet")
    .action((file: string, dataDirectory: string) =>
      locked(dataDirectory, async (signal) => told("imported", await importLog(file, dataDirectory, signal))),
    );
}

/** Ctrl-C and SIGTERM give it up, so that nothing half done is left. */
async function locked(dataDirectory: string, action: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const lock = await lockFolder(dataDirectory);
  const given = new AbortController();
  const giveUp = (): void => given.abort(new Interrupted());
  process.once("SIGINT", giveUp).once("SIGTERM", giveUp);
  try {
    await action(given.signal);
  } finally {
    process.off("SIGINT", giveUp).off("SIGTERM", giveUp);
    await lock.release();
  }
}

/** To stderr: the log itself may go to stdout. */
function told(what: string, { files, bytes }: LogFileSummary): void {
  process.stderr.write(`${what} ${files} files, ${bytes} bytes\n`);
}
