// What dumps and exports show of encoded messages: fields where they can be read, bytes as base64 where not.
import { expect, it } from "vitest";
import { encodeStatus } from "../../../src/contract/encoded-status.ts";
import { plainJson } from "../../../src/host/plain-json.ts";
import { encodedOf } from "../../../src/kernel/encoded.ts";

const { bytes } = encodeStatus({ task_id: { value: "t" }, state: "TASK_RUNNING", message: "é" });
const unreadable = new Uint8Array(10).fill(9);

function shown(wire: unknown): unknown {
  return JSON.parse(JSON.stringify({ state: "TASK_RUNNING", uuid: "00", at: 1, wire }, plainJson));
}

it.each([
  ["in bytes", (of: Uint8Array) => of],
  ["as a text", encodedOf],
])("a status %s has its fields; one that cannot be read is shown as it is", (_, form) => {
  expect(shown(form(bytes))).toMatchObject({
    wire: { task_id: { value: "t" }, state: "TASK_RUNNING", message: "é" },
  });
  expect(shown(form(unreadable))).toMatchObject({ wire: Buffer.from(unreadable).toString("base64") });
});

it("a TaskInfo that cannot be read is shown as it is", () => {
  const task = { role: "a", wire: encodedOf(unreadable) };
  expect(JSON.parse(JSON.stringify(task, plainJson))).toEqual({
    role: "a",
    wire: Buffer.from(unreadable).toString("base64"),
  });
});
