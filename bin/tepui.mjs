#!/usr/bin/env node
// The `tepui` command. In a published package it runs what was compiled; in a source tree, the sources.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const compiled = join(root, "dist", "cli", "main.js");
const source = join(root, "src", "cli", "main.ts");

if (existsSync(source)) {
  process.on("SIGINT", () => undefined);
  const args = [join(root, "scripts", "node24.mjs"), source, ...process.argv.slice(2)];
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
} else {
  await import(compiled);
}
