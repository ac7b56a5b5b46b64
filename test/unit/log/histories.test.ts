// Logs of every format version that there ever was, as that version's own code wrote them (test/histories): they are
// read, replayed and gone on with for ever. A new state format adds a pin to expected.json; none is ever changed.
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { contentOf, effectiveEntries, stateBefore } from "../../../src/host/log-folder.ts";
import { createNodeDisk } from "../../../src/host/node-disk.ts";
import { verifyLog } from "../../../src/host/verify-log.ts";
import { asIndex } from "../../../src/kernel/ids.ts";
import { openLog } from "../../../src/log/index.ts";
import { EVENT_KINDS } from "../../../src/state/codec.ts";
import { FORMAT_VERSION } from "../../../src/state/migrations/index.ts";
import { digest } from "../../../src/state/snapshot.ts";

const folder = join(import.meta.dirname, "../../histories");
const versions = (await readdir(folder)).filter((name) => /^v\d+$/.test(name)).sort();

interface Expected {
  readonly logFormat: number;
  readonly eventFormat: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly hardState: { readonly term: number; readonly votedFor: string };
  readonly snapshot: number;
  readonly kinds: readonly string[];
  /** Of the state after an entry, by format version of the state and index. */
  readonly digests: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

async function expectedOf(version: string): Promise<Expected> {
  return JSON.parse(await readFile(join(folder, version, "expected.json"), "utf8")) as Expected;
}

/** Opening a log writes to it. */
async function withCopy(version: string, action: (copy: string) => Promise<void>): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), "tepui-history-"));
  try {
    await cp(join(folder, version), copy, { recursive: true });
    await action(copy);
  } finally {
    await rm(copy, { recursive: true });
  }
}

it("there is a history of every version of the log and of events", async () => {
  const all = await Promise.all(versions.map(expectedOf));
  expect(all.map(({ logFormat }) => logFormat)).toEqual([1, 2, 2]);
  expect(new Set(all.map(({ eventFormat }) => eventFormat))).toEqual(
    new Set(Array.from({ length: FORMAT_VERSION }, (_, at) => at + 1)),
  );
});

it("the newest history holds every kind of event that there is", async () => {
  const expected = await Promise.all(versions.map(expectedOf));
  expect(expected.at(-1)?.kinds).toEqual(Object.keys(EVENT_KINDS).sort());
});

describe.each(versions)("the history %s", (version) => {
  it("holds every kind of event that its version knew, and is replayed to the same states as ever", async () => {
    const expected = await expectedOf(version);
    const kinds = new Set<string>();
    let last = { index: 0, term: 0 };
    for await (const record of effectiveEntries(join(folder, version))) {
      if (record.kind === "damage") throw new Error(`${record.file}: ${record.why}`);
      last = { index: record.entry.index, term: record.entry.term };
      for (const event of contentOf(record.entry)?.events ?? []) kinds.add(event.kind);
    }
    expect([...kinds].sort()).toEqual(expected.kinds);
    expect(last).toEqual({ index: expected.lastIndex, term: expected.lastTerm });
    const pins = Object.entries(expected.digests[FORMAT_VERSION] ?? {});
    expect(pins.length).toBeGreaterThan(2);
    for (const [index, pinned] of pins)
      expect(digest(await stateBefore(join(folder, version), Number(index) + 1)), `after ${index}`).toBe(
        pinned,
      );
  });

  it("passes every check", async () => {
    const expected = await expectedOf(version);
    const found = await verifyLog(join(folder, version));
    expect(found.problems).toEqual([]);
    expect(found).toMatchObject({ firstIndex: 1, lastIndex: expected.lastIndex, statesCompared: 1 });
    expect(found.digestsCompared).toBe(expected.eventFormat === FORMAT_VERSION ? 1 : 0);
  });

  it("is opened and gone on with", async () => {
    const expected = await expectedOf(version);
    await withCopy(version, async (copy) => {
      const disk = createNodeDisk(copy);
      const opened = await openLog({ disk, directory: "log" });
      expect(opened.hardState).toEqual({ ...expected.hardState, healing: false });
      expect(opened.snapshot?.index).toBe(expected.snapshot);
      expect(opened.log.lastIndex).toBe(expected.lastIndex);
      const next = {
        index: asIndex(expected.lastIndex + 1),
        term: opened.hardState.term,
        payload: new Uint8Array(0),
      };
      await opened.log.append({ entries: [next] });
      await opened.log.close();
      const again = await openLog({ disk, directory: "log" });
      expect(again.entries.at(-1)?.index).toBe(next.index);
      expect(again.hardState).toEqual(opened.hardState);
      await again.log.close();
    });
  });
});
