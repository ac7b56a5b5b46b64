// The --domain of masters and agents.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { domainInfo, readDomain } from "../../../src/host/domain.ts";

const DOMAIN = { region: "eu", zone: "eu-1" };
const JSON_TEXT = JSON.stringify(domainInfo(DOMAIN));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-domain-"));
  await writeFile(join(folder, "domain.json"), JSON_TEXT);
});

afterAll(() => rm(folder, { recursive: true }));

describe("--domain", () => {
  it("is JSON as Mesos takes it, or as its documentation writes it, or a file of it", () => {
    const file = join(folder, "domain.json");
    const short = '{"fault_domain": {"region": "eu", "zone": "eu-1"}}';
    for (const text of [JSON_TEXT, short, file, pathToFileURL(file).href]) {
      expect(readDomain(text), text).toEqual(DOMAIN);
    }
  });

  it.each([
    ["no-such-file", "neither JSON such as"],
    ["{", "no JSON object"],
    ["{}", "has no fault_domain"],
    ['{"fault_domain":{"region":{"name":"eu"}}}', "the zone must be a name"],
    ['{"fault_domain":{"region":{"name":""},"zone":{"name":"z"}}}', "the region must be a name"],
    [`{"fault_domain":{"region":"${"x".repeat(257)}","zone":"z"}}`, "1 to 256 characters"],
  ])("%s is refused in words that help", (text, words) => {
    expect(() => readDomain(text)).toThrow(words);
  });
});
