// Writes the table of limits in docs/limits.md from the constants in src/**/limits.ts and their comments. With
// `--check` it writes nothing and fails if the table is not up to date.
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const PAGE = join(ROOT, "docs", "limits.md");
const BEGIN = "<!-- limits: begin -->";
const END = "<!-- limits: end -->";

interface Limit {
  readonly room: string;
  readonly name: string;
  readonly value: string;
  readonly text: string;
}

/** The page with the table as it should be. */
export function pageWithLimits(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("docs/limits.md has no place for the table of limits");
  return `${page.slice(0, begin + BEGIN.length)}\n${table(allLimits())}\n${page.slice(end)}`;
}

export function currentPage(): string {
  return readFileSync(PAGE, "utf8");
}

function allLimits(): readonly Limit[] {
  const files = globSync("src/**/limits.ts", { cwd: ROOT }).sort();
  return files.flatMap((file) => limitsOf(file, readFileSync(join(ROOT, file), "utf8")));
}

/** A constant with a comment before it, or a field of a group of defaults. */
function limitsOf(file: string, source: string): readonly Limit[] {
  const room = file.replace(/^src\//, "").replace(/\/limits\.ts$/, "");
  const constant = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export const ([A-Za-z_]+) = ([^;{]+);/g;
  const limits: Limit[] = [];
  let last = "";
  for (const [, comment, name = "", value = ""] of source.matchAll(constant)) {
    const text = comment === undefined ? last : plain(comment);
    last = text;
    limits.push({ room, name, value: value.trim(), text });
  }
  return [...limits, ...fieldsOf(room, source)];
}

/** `export const defaults: Type = { field: value, … }`, with the comments of the type's fields. */
function fieldsOf(room: string, source: string): readonly Limit[] {
  const limits: Limit[] = [];
  for (const [, group = "", body = ""] of source.matchAll(/export const (\w+): \w+ = \{\n([\s\S]*?)\n\};/g)) {
    for (const [, name = "", value = ""] of body.matchAll(/^ {2}(\w+): (.+),$/gm)) {
      const text = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*readonly ${name}:`).exec(source)?.[1];
      // A default that is one of the constants above says nothing new.
      if (text === undefined && /^[A-Z_]+$/.test(value)) continue;
      limits.push({ room, name: `${group}.${name}`, value, text: text === undefined ? "" : plain(text) });
    }
  }
  return limits;
}

function plain(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.trim().replace(/^\*\s?/, ""))
    .join(" ")
    .trim()
    .replaceAll("|", "\\|");
}

function table(limits: readonly Limit[]): string {
  const rows = limits.map(({ room, name, value, text }) => `| ${room} | \`${name}\` | ${value} | ${text} |`);
  return ["", "| room | name | value | what it bounds |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}

if (import.meta.main) {
  const page = currentPage();
  const wanted = pageWithLimits(page);
  if (!process.argv.includes("--check")) writeFileSync(PAGE, wanted);
  else if (wanted !== page) {
    console.error("run node scripts/limits-table.ts: the table of limits is out of date");
    process.exitCode = 1;
  }
}
