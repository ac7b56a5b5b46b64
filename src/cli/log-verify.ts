// `tepui log verify`: is a master's log what was written to it?
import { Command } from "commander";
import { EXIT } from "../host/exit-codes.ts";
import { verifyLog } from "../host/verify-log.ts";
import { createProgressBar } from "./progress-bar.ts";

export function verifyCommand(): Command {
  return new Command("verify")
    .description(
      "check checksums, continuity, snapshots and state digests of a running or stopped master's log",
    )
    .argument("<data-dir>", "the master's data directory")
    .action(verify);
}

async function verify(dataDirectory: string): Promise<void> {
  const bar = createProgressBar(process.stderr);
  const found = await verifyLog(dataDirectory, (index, last) => bar.update(index, last, "entries replayed"));
  bar.end();
  for (const { place, why } of found.problems) process.stdout.write(`${place}: ${why}\n`);
  const { segments, entries, firstIndex, lastIndex, lastTerm, snapshots } = found;
  process.stdout.write(
    `${segments} segments, ${entries} entries (${firstIndex} to ${lastIndex}, term ${lastTerm}), ` +
      `${snapshots} snapshots; compared ${found.statesCompared} states and ${found.digestsCompared} digests: ` +
      `${found.problems.length === 0 ? "all as written" : `${found.problems.length} problems`}\n`,
  );
  if (found.problems.length > 0) process.exitCode = EXIT.logDamaged;
}
