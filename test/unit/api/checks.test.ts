// Who may ask what when: leadership, recovery, and bodies that are no calls. None of it reaches the master.
import { describe, expect, it } from "vitest";
import { asMillis } from "../../../src/kernel/ids.ts";
import { ask, call, subscribe } from "./support/client.ts";
import { type Fixture, startApi } from "./support/fixture.ts";
import { OTHER } from "./support/local-master.ts";

const SCHEDULER = "/api/v1/scheduler";
const JSON_HEADERS = { "Content-Type": "application/json" };
const PROTOBUF_HEADERS = { "Content-Type": "application/x-protobuf" };
const PATHS = [SCHEDULER, "/api/v1", "/state", "/master/state"];

describe("a master that does not lead", () => {
  it.each(PATHS)("sends %s to the leader, whatever the method and the body", async (path) => {
    const { master, port } = await startApi();
    master.lose(OTHER);
    for (const method of ["GET", "POST", "PUT"]) {
      const answer = await ask(port, { method, path: `${path}?a=b`, body: "x" });
      expect([answer.status, answer.headers.location]).toEqual([307, `//127.0.0.2:5050${path}?a=b`]);
      expect(answer.headerNames).toEqual(["Date", "Location", "Content-Length"]);
    }
  });

  it.each([...PATHS, "/redirect"])("answers 503 to %s while nobody leads", async (path) => {
    const { master, port } = await startApi();
    master.lose(null);
    const answer = await ask(port, { method: "POST", path, body: "x" });
    expect([answer.status, answer.text]).toEqual([503, "No leader elected"]);
  });

  it("answers /redirect, /health, /version and its status itself", async () => {
    const { master, port } = await startApi();
    master.lose(OTHER);
    expect((await ask(port, { path: "/redirect" })).headers.location).toBe("//127.0.0.2:5050");
    expect((await ask(port, { path: "/health" })).status).toBe(200);
    expect((await ask(port, { path: "/master/version" })).status).toBe(200);
    const status = JSON.parse((await ask(port, { path: "/tepui/v1/status" })).text);
    expect(status).toMatchObject({
      self: "m1",
      ready: false,
      leader: { id: "m2", apiAddress: "127.0.0.2:5050" },
    });
    expect(status.members).toHaveLength(2);
  });
});

describe("a master", () => {
  it("that is elected but has not its log together answers 503", async () => {
    const { master, port } = await startApi();
    master.recover();
    master.status = () => ({ ...Object.getPrototypeOf(master).status.call(master), role: "leader" });
    const answer = await call(port, SCHEDULER, { type: "REVIVE" });
    expect([answer.status, answer.text]).toEqual([503, "Master has not finished recovery"]);
  });

  it("that loses its leadership between decision and commit says that it does not know", async () => {
    const fixture = await startApi();
    const { stream, later } = await framework(fixture);
    fixture.master.nextOutcome = { kind: "unknown" };
    const answer = await later({ type: "REVIVE" });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain("may take effect or not");
    fixture.master.nextOutcome = { kind: "overloaded" };
    expect((await later({ type: "REVIVE" })).status).toBe(503);
    fixture.master.nextOutcome = { kind: "not-leader", leader: OTHER };
    expect((await later({ type: "REVIVE" })).headers.location).toBe(`//127.0.0.2:5050${SCHEDULER}`);
    stream.close();
  });

  it("answers a SUBSCRIBE that came to nothing without a stream", async () => {
    const { master, port } = await startApi();
    master.nextOutcome = { kind: "not-leader", leader: OTHER };
    const info = { user: "root", name: "x" };
    const stream = await subscribe(port, info);
    expect([stream.answer.status, stream.answer.headers.location]).toEqual([
      307,
      `//127.0.0.2:5050${SCHEDULER}`,
    ]);
    master.nextOutcome = {
      kind: "rejected",
      rejection: { code: "framework-removed", message: "Framework has been removed" },
    };
    const refused = await subscribe(port, info);
    expect(refused.answer.status).toBe(200);
    expect(await refused.next()).toEqual({ type: "ERROR", error: { message: "Framework has been removed" } });
    expect(await refused.untilEnd()).toBe("in order");
  });

  it("tells the cluster of a framework whose client has gone before its commit", async () => {
    const { master, port } = await startApi();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const submit = master.submit.bind(master);
    master.submit = async (command) => {
      if (command.kind === "subscribe") await held;
      return submit(command);
    };
    const opening = subscribe(port, { user: "root", name: "x", failover_timeout: 9 });
    opening.catch(() => undefined);
    const socket = await import("node:net").then(({ connect }) => connect(port, "127.0.0.1"));
    const body = JSON.stringify({
      type: "SUBSCRIBE",
      subscribe: { framework_info: { user: "root", name: "gone", failover_timeout: 9 } },
    });
    socket.write(
      `POST ${SCHEDULER} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    release();
    (await opening).close();
    await expect.poll(() => master.commands.map(({ kind }) => kind)).toContain("disconnect-framework");
    const gone = [...master.state().frameworks.values()].find(({ spec }) => spec.name === "gone");
    expect(gone?.connection.kind).toBe("disconnected");
  });
});

describe("a body that is no call changes nothing", () => {
  const long = "x".repeat(10 * 1024 * 1024);
  const cases: readonly [string, Readonly<Record<string, string>>, string | Uint8Array, number][] = [
    ["an empty one", JSON_HEADERS, "", 400],
    ["text", JSON_HEADERS, "{not json", 400],
    ["a number for the type", JSON_HEADERS, '{"type":5}', 400],
    ["an unknown call", JSON_HEADERS, '{"type":"NOPE","framework_id":{"value":"x"}}', 400],
    ["UNKNOWN, at which Mesos aborts", JSON_HEADERS, '{"type":"UNKNOWN","framework_id":{"value":"x"}}', 400],
    ["nested too deep", JSON_HEADERS, `${"[".repeat(100_000)}`, 400],
    ["lone bytes", PROTOBUF_HEADERS, Uint8Array.from([255, 255, 255]), 400],
    ["a truncated message", PROTOBUF_HEADERS, Uint8Array.from([8, 1, 26, 40, 10, 4]), 400],
    ["JSON called protobuf", PROTOBUF_HEADERS, '{"type":"REVIVE"}', 400],
    ["another content type", { "Content-Type": "text/plain" }, "{}", 415],
    ["no content type", {}, "{}", 400],
    ["a string of 10 MB", JSON_HEADERS, JSON.stringify({ type: long }), 413],
    ["10 MB of protobuf", PROTOBUF_HEADERS, new Uint8Array(10 * 1024 * 1024), 413],
  ];

  it.each(cases)("%s", async (_, headers, body, status) => {
    const { master, port } = await startApi();
    for (const path of [SCHEDULER, "/api/v1"]) {
      const answer = await ask(port, { method: "POST", path, headers, body });
      expect(answer.status).toBe(status);
      expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
    }
    expect(master.commands).toEqual([]);
  });

  it("a name that the log could not hold, however compactly it came", async () => {
    const { master, port } = await startApi();
    const stream = await subscribe(port, { user: "root", name: "x".repeat(3 * 1024 * 1024) });
    expect(stream.answer.status).toBe(413);
    expect(master.commands).toEqual([]);
  });

  it("a body without an announced length that never ends", async () => {
    const { master, port } = await startApi({ requestBodyBytesMax: 1_000 });
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      const sent = request({
        host: "127.0.0.1",
        port,
        method: "POST",
        path: SCHEDULER,
        headers: JSON_HEADERS,
      });
      sent.on("response", (response) => resolve(response.statusCode));
      sent.on("error", reject);
      sent.write("x".repeat(2_000));
    });
    expect(status).toBe(413);
    expect(master.commands).toEqual([]);
  });
});

describe("a stream id", () => {
  it.each([
    ["missing", {}, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"],
    ["wrong", { "Mesos-Stream-Id": "zzz" }, "The stream ID 'zzz' included"],
  ])("that is %s is a 400 and reaches nobody", async (_, headers, text) => {
    const fixture = await startApi();
    const { stream, id } = await framework(fixture);
    const before = fixture.master.commands.length;
    const answer = await call(
      fixture.port,
      SCHEDULER,
      { type: "REVIVE", framework_id: { value: id } },
      headers,
    );
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(text);
    expect(fixture.master.commands.length).toBe(before);
    stream.close();
  });

  it("of a framework that is disconnected is a 403", async () => {
    const fixture = await startApi();
    const { stream, id, later } = await framework(fixture);
    const known = fixture.master.state().frameworks.get(id as never);
    if (known !== undefined) {
      known.connection = { kind: "disconnected", since: asMillis(0), deadline: asMillis(1) };
    }
    expect((await later({ type: "REVIVE" })).status).toBe(403);
    stream.close();
  });
});

async function framework(fixture: Fixture) {
  const stream = await subscribe(fixture.port, { user: "root", name: "x", failover_timeout: 9 });
  const id: string = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
  const headers = { "Mesos-Stream-Id": stream.streamId() };
  const later = (body: object) =>
    call(fixture.port, SCHEDULER, { framework_id: { value: id }, ...body }, headers);
  return { stream, id, later };
}
