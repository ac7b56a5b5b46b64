// However much an agent says of a task, what of it goes into the log is bounded, and says still how the task is.
import { expect, it } from "vitest";
import { boundedStatus } from "../../../src/api/agents/bounded-statuses.ts";
import { STATUS_BYTES_MAX, STATUS_TEXT_CHARACTERS_MAX } from "../../../src/api/limits.ts";
import { decodeStatus, encodeStatus } from "../../../src/contract/encoded-status.ts";
import type { TaskStatus } from "../../../src/contract/types.ts";

const large = "x".repeat(STATUS_BYTES_MAX);
const short: TaskStatus = {
  task_id: { value: "t" },
  state: "TASK_FAILED",
  source: "SOURCE_EXECUTOR",
  reason: "REASON_CONTAINER_LIMITATION_MEMORY",
  timestamp: 1.5,
  uuid: new Uint8Array(16).fill(7),
};

function bounded(status: TaskStatus) {
  const cut = boundedStatus(encodeStatus(status));
  expect(cut.bytes.length + (cut.data?.length ?? 0)).toBeLessThanOrEqual(STATUS_BYTES_MAX);
  const decoded = decodeStatus(cut);
  return decoded.ok ? decoded.value : null;
}

it("what is not too large stays as it is", () => {
  const status = { ...short, message: "m", agent_id: { value: "a" }, data: new Uint8Array(1_000) };
  expect(bounded(status)).toEqual(status);
});

it("what is large goes first: data, labels, the end of the message", () => {
  const rest = { ...short, agent_id: { value: "a" }, healthy: false };
  const labels = { labels: [{ key: "k" }] };
  const status = { ...rest, labels, message: large, data: new Uint8Array([1]) };
  expect(bounded(status)).toEqual({ ...rest, message: large.slice(0, STATUS_TEXT_CHARACTERS_MAX) });
});

it.each<[string, Partial<TaskStatus>]>([
  ["groups of its container's networks", { container_status: { network_infos: [{ groups: [large] }] } }],
  ["an agent's id", { agent_id: { value: large } }],
  ["an executor's id", { executor_id: { value: large } }],
])("nothing else takes more: %s", (_, more) => {
  expect(bounded({ ...short, ...more, message: "m" })).toEqual({ ...short, message: "m" });
});
