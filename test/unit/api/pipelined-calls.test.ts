// Calls sent on one connection without waiting for the answers before, as Mesos' own scheduler library sends them.
import { connect } from "node:net";
import { expect, it } from "vitest";
import { subscribe } from "./support/client.ts";
import { startApi } from "./support/fixture.ts";

const CALLS = 64;

/** @returns the status of each answer, in the order in which they come */
function statusesOf(port: number, requests: readonly string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    let answers = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(requests.join("")));
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      answers += bytes.toString("latin1");
      const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
      if (statuses.length < requests.length) return;
      socket.destroy();
      resolve(statuses);
    });
  });
}

it("are carried out and answered in their order, and a refused one in between refuses nothing else", async () => {
  const fixture = await startApi();
  const stream = await subscribe(fixture.port, {
    user: "root",
    name: "hasty",
    roles: ["dev"],
    capabilities: [{ type: "MULTI_ROLE" }],
  });
  const { framework_id: frameworkId } = (await stream.next()).subscribed;
  const request = (type: string, streamId = stream.streamId()): string => {
    const body = JSON.stringify({ framework_id: frameworkId, type });
    const head = [
      "POST /api/v1/scheduler HTTP/1.1",
      "Host: master",
      "Content-Type: application/json",
      `Mesos-Stream-Id: ${streamId}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return `${head.join("\r\n")}\r\n\r\n${body}`;
  };
  const requests = Array.from({ length: CALLS }, (_, at) => {
    if (at % 8 === 5) return request("SUPPRESS", "another-stream");
    return request(at % 2 === 0 ? "SUPPRESS" : "REVIVE");
  });
  const expected = requests.map((_, at) => (at % 8 === 5 ? 400 : 202));
  expect(await statusesOf(fixture.port, requests)).toEqual(expected);
  const isSuppressed = () =>
    fixture.master.state().frameworks.get(frameworkId.value)?.suppressedRoles.length === 1;
  expect(isSuppressed()).toBe(false);
  expect(await statusesOf(fixture.port, requests.slice(0, -1))).toEqual(expected.slice(0, -1));
  expect(isSuppressed()).toBe(true);
});
