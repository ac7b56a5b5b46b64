// Whatever an agent sends, it costs that agent's connection at most: the master goes on, and says why it hung up.
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import { encodeFrames } from "../../../src/api/agents/frames.ts";
import { SocketConnection } from "../../../src/api/agents/socket-connection.ts";
import { PROTOCOL_VERSION } from "../../../src/contract/agent-protocol.ts";
import { encodeReports } from "../../../src/contract/status-reports.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";
import type { Connection } from "../../../src/kernel/ports.ts";
import { AGENT_INFO, FakeAgent } from "./support/fake-agent.ts";
import { startApi } from "./support/fixture.ts";

const RUNS = 150;

/** Anything that msgpack can carry, more often under the names that the protocol knows. */
const anything = fc.anything({
  key: fc.constantFrom(
    "kind",
    "value",
    "name",
    "type",
    "scalar",
    "ranges",
    "toString",
    "length",
    "__proto__",
  ),
  maxDepth: 3,
  withTypedArray: true,
});

const REGISTER = {
  kind: "register",
  protocolVersion: PROTOCOL_VERSION,
  info: AGENT_INFO,
  version: "1",
  tasks: [{ frameworkId: "f", taskId: "t", state: "TASK_RUNNING" }],
  executors: [{ frameworkId: "f", executor: { executor_id: { value: "e" } } }],
};

/** A well-formed message with one field, at any depth, that is something else. */
const wrongRegister = fc
  .record({
    path: fc.constantFrom(
      ["protocolVersion"],
      ["info"],
      ["info", "hostname"],
      ["info", "port"],
      ["info", "resources"],
      ["info", "resources", 0],
      ["info", "resources", 0, "scalar"],
      ["info", "resources", 3, "ranges", "range"],
      ["info", "attributes", 0, "text"],
      ["info", "domain"],
      ["version"],
      ["ip"],
      ["tasksPerRunMax"],
      ["takesVolumes"],
      ["agentId"],
      ["tasks"],
      ["tasks", 0],
      ["executors", 0, "executor"],
    ) as fc.Arbitrary<readonly (string | number)[]>,
    value: anything,
  })
  .map(({ path, value }) => packed(replaced(REGISTER, path, value)));

const report = {
  frameworkId: "f",
  latestState: "TASK_RUNNING",
  status: { task_id: { value: "t" }, state: "TASK_RUNNING", uuid: new Uint8Array(16) },
} as const;

/** A frame of statuses in which some bytes are others. */
const wrongReports = fc
  .array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 4 })
  .map((changes) => {
    const bytes = new Uint8Array(encodeReports([report, report]));
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes;
  });

const nested = fc.integer({ min: 1, max: 200_000 }).map((depth) => new Uint8Array(depth).fill(0x91));

const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  anything.map(packed),
  fc
    .record({ kind: fc.constantFrom("executor-message", "executor-exited", "pong"), value: anything })
    .map(packed),
  wrongRegister,
  wrongReports,
  nested,
);

function packed(value: unknown): Uint8Array {
  try {
    return pack(value);
  } catch {
    return new Uint8Array([0xc1]);
  }
}

function replaced(whole: unknown, [first, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (first === undefined) return value;
  if (Array.isArray(whole))
    return whole.map((item, at) => (at === first ? replaced(item, rest, value) : item));
  const fields = whole as Readonly<Record<string, unknown>>;
  return { ...fields, [first]: replaced(fields[first], rest, value) };
}

describe("hostile frames", () => {
  it("before and after a registration never end the master", async () => {
    const { port } = await startApi();
    await fc.assert(
      fc.asyncProperty(hostile, fc.boolean(), async (bytes, registersFirst) => {
        const agent = new FakeAgent(port);
        if (registersFirst) {
          agent.register();
          await agent.nextOf("registered");
        }
        agent.sendBytes(bytes);
        agent.send({ kind: "unregister" });
        if (registersFirst) await agent.untilClosed();
        agent.close();
        const honest = new FakeAgent(port);
        honest.register();
        expect((await honest.nextOf("registered")).kind).toBe("registered");
        honest.send({ kind: "unregister" });
        await honest.untilClosed();
      }),
      { numRuns: RUNS },
    );
  });

  it("that their decoder throws at end that connection, with an error that says why", async () => {
    const { api, traced, master } = await startApi();
    let closed = 0;
    const connection: Connection = {
      send: () => undefined,
      bufferedBytes: () => 0,
      close: () => void closed++,
    };
    const handler = api.acceptAgent(connection);
    const trap = new Proxy(new Uint8Array(1), {
      get: () => {
        throw new RangeError("out of bounds");
      },
    });
    handler.onFrame(trap);
    expect(closed).toBe(1);
    expect(traced.slice(-2)).toEqual([
      {
        event: "agent frame not understood",
        facts: expect.objectContaining({ why: "RangeError: out of bounds" }),
      },
      {
        event: "agent connection closed",
        facts: expect.objectContaining({
          reason: "a frame could not be understood: RangeError: out of bounds",
        }),
      },
    ]);
    expect(master.commands).toEqual([]);
  });
});

describe("a connection whose reader throws", () => {
  function connected(error: Error): { socket: PassThrough; frames: number[]; reasons: string[] } {
    const socket = new PassThrough();
    const frames: number[] = [];
    const reasons: string[] = [];
    const onFrame = (frame: Uint8Array) => {
      frames.push(frame[0] ?? -1);
      throw error;
    };
    new SocketConnection(socket).attach(
      { onFrame, onClose: (reason) => reasons.push(reason) },
      new Uint8Array(),
    );
    return { socket, frames, reasons };
  }
  const two = Buffer.from(encodeFrames([Uint8Array.of(1), Uint8Array.of(2)]));

  it("is closed, once, and gives it no further frame", () => {
    const { socket, frames, reasons } = connected(new TypeError("no such field"));
    socket.emit("data", two);
    expect(frames).toEqual([1]);
    expect(reasons).toEqual(["a frame could not be taken in: TypeError: no such field"]);
    expect(socket.destroyed).toBe(true);
  });

  it("does not hide a broken invariant", () => {
    const { socket, reasons } = connected(new InvariantError("a state that cannot be"));
    expect(() => socket.emit("data", two)).toThrow(/cannot be/);
    expect(reasons).toEqual([]);
  });
});
