// A client that does not read is dropped, told to the cluster, and costs nobody else anything.
import { expect, it } from "vitest";
import { type AgentId, asId, type ExecutorId, type FrameworkId } from "../../../src/kernel/ids.ts";
import { RecordStream, subscribe } from "./support/client.ts";
import { type Fixture, startApi } from "./support/fixture.ts";

const INFO = { user: "root", name: "slow", failover_timeout: 100 };
const CHUNK = new Uint8Array(256 * 1024);

function flood({ master }: Fixture, frameworkId: FrameworkId, times: number): void {
  const event = {
    kind: "message",
    agentId: asId<AgentId>("a"),
    executorId: asId<ExecutorId>("e"),
    data: CHUNK,
  } as const;
  for (let i = 0; i < times; i++) master.effect({ to: "framework", frameworkId, event });
}

it("a framework that does not read is disconnected, another one is not", async () => {
  const fixture = await startApi({ streamUnsentBytesMax: 1024 * 1024 });
  const slow = await subscribe(fixture.port, INFO);
  const slowId = (await slow.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
  const quick = await subscribe(fixture.port, INFO);
  const quickId = (await quick.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
  slow.pause();
  for (let i = 0; i < 100 && !isGone(fixture, slowId); i++) {
    flood(fixture, slowId, 1);
    flood(fixture, quickId, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(isGone(fixture, slowId)).toBe(true);
  expect(isGone(fixture, quickId)).toBe(false);
  expect(fixture.traced.some(({ facts }) => facts.reason === "reader too slow")).toBe(true);
  quick.close();
  slow.close();
});

it("the state that a stream begins with may be larger than what its reader may be behind", async () => {
  const fixture = await startApi({ streamUnsentBytesMax: 10_000 });
  const framework = await subscribe(fixture.port, { user: "root", name: "x".repeat(1_000_000) });
  await framework.next();
  const stream = await RecordStream.open(fixture.port, {
    method: "POST",
    path: "/api/v1",
    headers: { "Content-Type": "application/json" },
    body: '{"type":"SUBSCRIBE"}',
  });
  expect((await stream.next()).type).toBe("SUBSCRIBED");
  expect((await stream.next()).type).toBe("HEARTBEAT");
  framework.close();
  stream.close();
});

function isGone({ master }: Fixture, frameworkId: string): boolean {
  return master.commands.some(
    (command) => command.kind === "disconnect-framework" && command.frameworkId === frameworkId,
  );
}
