// What the pages for people say must stay true where a machine can see it: quoted code, the table of limits, links.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { currentPage, pageWithLimits } from "../../../scripts/limits-table.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: root })];

test("the framework in the README is the file that it names", () => {
  const [, path = "", code] = /<!-- (src\/\S+\.ts) -->\n```ts\n([\s\S]*?)\n```/.exec(read("README.md")) ?? [];
  expect(code).toBe(read(path).trimEnd().replace('"../sdk/index.ts"', '"tepui/sdk"'));
  expect(code?.split("\n").length).toBeLessThanOrEqual(30);
});

test("the table of limits is up to date: node scripts/limits-table.ts", () => {
  expect(pageWithLimits(currentPage())).toBe(currentPage());
});

test.each(pages)("%s links to files that are there", (page) => {
  const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
  const local = links.filter((target) => !/^[a-z]+:/.test(target));
  expect(local.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
});

/** How many rows Mesos' feature list has under each prefix. */
const FEATURES: Readonly<Record<string, number>> = {
  SC: 40,
  EX: 17,
  MO: 19,
  AO: 12,
  AL: 22,
  RV: 14,
  MN: 14,
  CT: 23,
  IS: 24,
  NW: 6,
  HC: 9,
  SB: 9,
  HA: 8,
  SE: 12,
  OB: 12,
  CL: 4,
  MD: 2,
};

test("the page on compatibility has a row for each feature", () => {
  const rows = [
    ...read("docs/compatibility.md").matchAll(/^\| ([A-Z]{2}\d\d(?:[–,] ?[A-Z]{0,2}\d\d)*) \|/gm),
  ];
  const named = rows.flatMap(([, ids = ""]) => ids.split(/, ?/).flatMap(spelledOut));
  const wanted = Object.entries(FEATURES).flatMap(([prefix, count]) =>
    Array.from({ length: count }, (_, i) => `${prefix}${String(i + 1).padStart(2, "0")}`),
  );
  expect(named.toSorted()).toEqual(wanted.toSorted());
});

/** `SE04–SE06` as the three. */
function spelledOut(ids: string): readonly string[] {
  const [, prefix = "", first = "", last = first] = /^([A-Z]{2})(\d\d)(?:–[A-Z]{2}(\d\d))?$/.exec(ids) ?? [];
  const count = Number(last) - Number(first) + 1;
  return Array.from({ length: count }, (_, i) => `${prefix}${String(Number(first) + i).padStart(2, "0")}`);
}
