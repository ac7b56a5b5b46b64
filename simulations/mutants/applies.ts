// Whether each mutant can still be put in: its old texts are there once each, and what comes out is TypeScript.
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { edited, type Mutant } from "./mutant.ts";

const root = join(import.meta.dirname, "..", "..");

/** @throws Error that says which text is not there, or where the result is no TypeScript */
export function checkApplies({ edits }: Mutant): void {
  for (const file of new Set(edits.map((edit) => edit.file))) {
    const text = readFileSync(join(root, file), "utf8");
    stripTypeScriptTypes(edited(file, text, edits));
  }
}
