// Other programs of this machine, run to their end.
import { execFile } from "node:child_process";

/** Longest that one of them may take. Milliseconds. */
const COMMAND_TIMEOUT_MS = 20_000;

/** What it printed. @param input goes to its standard input. @throws Error with what it said on standard error */
export function run(program: string, words: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, words, { timeout: COMMAND_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${[program, ...words].join(" ")}: ${stderr.trim() || error.message}`));
    });
    // A program that is not there takes no input; its error is told above.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** Its error text, or null if all went well. */
export async function problemOf(
  program: string,
  words: readonly string[],
  input?: string,
): Promise<string | null> {
  try {
    await run(program, words, input);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
