// The package's own version.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** From package.json, two folders above this file in the source tree and in the built package alike. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8"),
  );
  const version =
    typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return typeof version === "string" ? version : "unknown";
}
