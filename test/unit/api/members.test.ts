// /tepui/v1/members: who answers, what is refused before it reaches the master, and how outcomes are told.
import { describe, expect, it } from "vitest";
import type { MembersOutcome } from "../../../src/master/members.ts";
import { ask } from "./support/client.ts";
import { startApi } from "./support/fixture.ts";
import { OTHER } from "./support/local-master.ts";

const PATH = "/tepui/v1/members";
const ADD = { kind: "add-learner", id: "m4", raftAddress: "10.0.0.4:5052", apiAddress: "[::1]:5050" };

async function post(port: number, body: unknown) {
  const answer = await ask(port, { method: "POST", path: PATH, body: JSON.stringify(body) });
  return { status: answer.status, text: answer.text, location: answer.headers.location };
}

describe("the leader", () => {
  it("tells who the members are", async () => {
    const { port } = await startApi();
    const answer = await ask(port, { path: PATH });
    const view = JSON.parse(answer.text);
    expect(view).toMatchObject({ leader: "m1", lastIndex: expect.any(Number) });
    expect(view.members[1]).toMatchObject({ id: "m2", kind: "voter", apiAddress: "127.0.0.2:5050" });
  });

  it("carries out what is well formed", async () => {
    const { master, port } = await startApi();
    for (const order of [ADD, { kind: "promote", id: "m4" }, { kind: "remove", id: "m2" }])
      expect((await post(port, order)).status).toBe(200);
    expect(master.changes).toEqual([
      {
        kind: "add-learner",
        id: "m4",
        contact: { raftAddress: "10.0.0.4:5052", apiAddress: "[::1]:5050" },
      },
      { kind: "promote", id: "m4" },
      { kind: "remove", id: "m2" },
    ]);
    expect(JSON.parse((await post(port, { kind: "transfer" })).text)).toEqual({ leader: "m2" });
    const unknown = await post(port, { kind: "transfer", id: "m9" });
    expect([unknown.status, JSON.parse(unknown.text)]).toEqual([409, { refused: "unknown-member" }]);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no kind", JSON.stringify({ id: "m4" })],
    ["another kind", JSON.stringify({ ...ADD, kind: "explode" })],
    ["no id", JSON.stringify({ ...ADD, id: undefined })],
    ["an id that no flag could say", JSON.stringify({ ...ADD, id: "a b" })],
    ["an empty id", JSON.stringify({ ...ADD, id: "" })],
    ["an id that is too long", JSON.stringify({ ...ADD, id: "x".repeat(256) })],
    ["an address without a port", JSON.stringify({ ...ADD, raftAddress: "10.0.0.4" })],
    ["no address", JSON.stringify({ ...ADD, apiAddress: undefined })],
  ])("refuses %s with 400", async (_, body) => {
    const { master, port } = await startApi();
    const answer = await ask(port, { method: "POST", path: PATH, body });
    expect(answer.status).toBe(400);
    expect(master.changes).toEqual([]);
  });

  it("refuses what is too long, and other methods", async () => {
    const { port } = await startApi();
    expect((await ask(port, { method: "POST", path: PATH, body: "x".repeat(20_000) })).status).toBe(413);
    expect((await ask(port, { method: "DELETE", path: PATH })).status).toBe(405);
  });

  it.each([
    ["busy", 409],
    ["not-caught-up", 409],
    ["already-member", 409],
    ["lost-leadership", 503],
    ["stopped", 503],
  ] as const)("tells why it did not: %s is a %d", async (reason, status) => {
    const { master, port } = await startApi();
    master.nextChange = { kind: "refused", reason } satisfies MembersOutcome;
    const answer = await post(port, ADD);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { refused: reason }]);
  });
});

describe("a master that does not lead", () => {
  it("sends to the one that does", async () => {
    const { master, port } = await startApi();
    master.lose(OTHER);
    expect(await post(port, ADD)).toMatchObject({ status: 307, location: `//127.0.0.2:5050${PATH}` });
    expect(master.changes).toEqual([]);
  });

  it("notices it only when it is too late", async () => {
    const { master, port } = await startApi();
    master.nextChange = { kind: "refused", reason: "not-leader" };
    expect((await post(port, ADD)).status).toBe(503);
  });
});
