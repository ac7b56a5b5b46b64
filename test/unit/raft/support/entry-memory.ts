// Run by itself with --expose-gc: prints what one kept entry costs this process, as a follower has it that got each entry
// in a frame of its own. Bytes of resident memory, and of what V8 itself counts.
import { asId, asIndex, asTerm, type MemberId } from "../../../../src/kernel/ids.ts";
import { decodeMessage, encodeMessage } from "../../../../src/raft/codec.ts";
import { appendEntries, type EntryLog } from "../../../../src/raft/entry-log.ts";

const WARM_UP = 50_000;
const MEASURED = 150_000;
const PAYLOAD_BYTES = Number(process.argv[2]);

const from = asId<MemberId>("m1");
const to = asId<MemberId>("m2");
const term = asTerm(1);
const payload = new Uint8Array(PAYLOAD_BYTES).fill(7);
const log: EntryLog = { baseIndex: asIndex(0), baseTerm: asTerm(0), entries: [] };

function keep(count: number): void {
  for (let i = 0; i < count; i++) {
    const prevIndex = asIndex(log.entries.length);
    const entry = { index: asIndex(prevIndex + 1), term, payload };
    const envelope = { from, to, term };
    const frame = encodeMessage({
      kind: "append",
      ...envelope,
      prevIndex,
      prevTerm: term,
      commit: prevIndex,
      entries: [entry],
    });
    const decoded = decodeMessage(frame, from, to);
    if (!decoded.ok || decoded.value.kind !== "append") throw new Error("an append is decoded");
    appendEntries(log, decoded.value.entries);
  }
}

async function used(): Promise<{ resident: number; counted: number }> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, counted: heapUsed + external };
}

keep(WARM_UP);
const before = await used();
keep(MEASURED);
const after = await used();
const resident = (after.resident - before.resident) / MEASURED;
const counted = (after.counted - before.counted) / MEASURED;
process.stdout.write(JSON.stringify({ resident, counted }));
