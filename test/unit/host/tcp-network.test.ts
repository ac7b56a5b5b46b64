// Frames over real sockets: whatever the pieces in which bytes arrive, the frames are the same.
import { createConnection, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameReader } from "../../../src/api/agents/frames.ts";
import { joinAddress, parseAddress, tcpNetwork } from "../../../src/host/tcp-network.ts";
import type { Connection } from "../../../src/kernel/ports.ts";

const FRAME_BYTES_MAX = 300;

function framed(frame: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}

test("any chunking of the bytes gives the same frames, empty ones among them", () => {
  const frames = fc.array(fc.uint8Array({ maxLength: FRAME_BYTES_MAX }), { maxLength: 12 });
  fc.assert(
    fc.property(frames, fc.array(fc.nat({ max: 400 }), { maxLength: 60 }), (sent, pieces) => {
      const bytes = Buffer.concat(sent.map(framed));
      const received: Uint8Array[] = [];
      const read = frameReader(FRAME_BYTES_MAX, (frame) => void received.push(Uint8Array.from(frame)));
      let at = 0;
      for (const piece of [...pieces, bytes.length]) {
        expect(read(bytes.subarray(at, at + piece))).toBe(true);
        at = Math.min(bytes.length, at + piece);
      }
      expect(received).toEqual(sent);
    }),
  );
});

test("a frame longer than is allowed is refused at its length, after the frames before it", () => {
  fc.assert(
    fc.property(fc.integer({ min: FRAME_BYTES_MAX + 1, max: 2 ** 32 - 1 }), (length) => {
      const received: Uint8Array[] = [];
      const read = frameReader(FRAME_BYTES_MAX, (frame) => void received.push(frame));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(length);
      expect(read(Buffer.concat([framed(new Uint8Array([7])), head]))).toBe(false);
      expect(received.map((frame) => [...frame])).toEqual([[7]]);
    }),
  );
});

interface Opened {
  readonly near: Connection;
  readonly far: Connection;
  readonly close: () => Promise<void>;
  readonly events: string[];
}

/** Two ends of one connection; what happens at them is noted by `near` and `far`. */
async function opened(onFrame: (far: Connection) => void = () => undefined): Promise<Opened> {
  const events: string[] = [];
  let far: Connection | undefined;
  const listener = await tcpNetwork.listen("127.0.0.1:0", (connection) => {
    far = connection;
    return {
      onFrame: (frame) => {
        events.push(`far frame ${Buffer.from(frame).toString()}`);
        onFrame(connection);
      },
      onClose: () => void events.push("far closed"),
    };
  });
  const near = tcpNetwork.dial(listener.address, {
    onOpen: () => void events.push("near open"),
    onFrame: (frame) => void events.push(`near frame ${Buffer.from(frame).toString()}`),
    onClose: () => void events.push("near closed"),
  });
  await until(() => far !== undefined && events.includes("near open"));
  return { near, far: far as Connection, events, close: () => listener.close() };
}

test("what is sent before the connection is open arrives, in order", async () => {
  const received: string[] = [];
  const listener = await tcpNetwork.listen("127.0.0.1:0", () => ({
    onFrame: (frame) => void received.push(Buffer.from(frame).toString()),
    onClose: () => undefined,
  }));
  const connection = tcpNetwork.dial(listener.address, {
    onFrame: () => undefined,
    onClose: () => undefined,
  });
  for (const text of ["a", "", "b"]) connection.send(Buffer.from(text));
  await until(() => received.length === 3);
  expect(received).toEqual(["a", "", "b"]);
  connection.close();
  await listener.close();
});

test("close is told to the other side only, after what was sent before", async () => {
  const { near, events, close } = await opened();
  near.send(Buffer.from("last"));
  near.close();
  near.send(Buffer.from("too late"));
  await until(() => events.includes("far closed"));
  expect(events).toEqual(["near open", "far frame last", "far closed"]);
  await close();
});

test("after close no frame is handed on, not even one that came in the same piece", async () => {
  const { near, events, close } = await opened((far) => far.close());
  near.send(Buffer.from("one"));
  near.send(Buffer.from("two"));
  await until(() => events.includes("near closed"));
  expect(events.filter((event) => event.startsWith("far frame"))).toEqual(["far frame one"]);
  await close();
});

test("a dial that fails is told once; one that was closed before is told nothing", async () => {
  const listener = await tcpNetwork.listen("127.0.0.1:0", () => ({
    onFrame: () => undefined,
    onClose: () => undefined,
  }));
  const events: string[] = [];
  const handler = {
    onOpen: () => void events.push("open"),
    onFrame: () => undefined,
    onClose: () => void events.push("closed"),
  };
  tcpNetwork.dial(listener.address, handler).close();
  const { address } = listener;
  await listener.close();
  tcpNetwork.dial(address, handler);
  await until(() => events.length > 0);
  expect(events).toEqual(["closed"]);
});

test("a machine where nobody listens refuses; an address that is none fails, and nothing is thrown", async () => {
  const listener = await tcpNetwork.listen("127.0.0.1:0", () => ({
    onFrame: () => undefined,
    onClose: () => undefined,
  }));
  await listener.close();
  const failed = (address: string): Promise<unknown> =>
    new Promise((resolve) => {
      const onClose = (reason: string, isRefused?: boolean) => resolve({ reason, isRefused });
      tcpNetwork.dial(address, { onFrame: () => undefined, onClose });
    });
  expect(await failed(listener.address)).toMatchObject({ isRefused: true });
  expect(await failed("nowhere")).toEqual({
    reason: expect.stringContaining("host:port"),
    isRefused: undefined,
  });
});

test("an open connection that the other side ends is not refused", async () => {
  const listener = await tcpNetwork.listen("127.0.0.1:0", (connection) => {
    connection.close();
    return { onFrame: () => undefined, onClose: () => undefined };
  });
  const refused = await new Promise((resolve) => {
    tcpNetwork.dial(listener.address, {
      onFrame: () => undefined,
      onClose: (_, isRefused) => resolve(isRefused),
    });
  });
  expect(refused).toBe(false);
  await listener.close();
});

test("the handler says how long a frame may be, anew for each", async () => {
  let allowed = 3;
  const received: string[] = [];
  const closed = new Promise<string>((resolve) => {
    void tcpNetwork
      .listen("127.0.0.1:0", () => ({
        frameBytesMax: () => allowed,
        onFrame: (frame) => {
          received.push(Buffer.from(frame).toString());
          allowed = 5;
        },
        onClose: resolve,
      }))
      .then((listener) => {
        const handler = { onFrame: () => undefined, onClose: () => void listener.close() };
        const connection = tcpNetwork.dial(listener.address, handler);
        for (const text of ["abc", "abcde", "abcdef", "a"]) connection.send(Buffer.from(text));
      });
  });
  expect(await closed).toContain("longer than is allowed");
  expect(received).toEqual(["abc", "abcde"]);
});

test("a peer that announces too long a frame is cut off", async () => {
  const listener = await tcpNetwork.listen("127.0.0.1:0", () => ({
    onFrame: () => undefined,
    onClose: () => undefined,
  }));
  const { host, port } = parseAddress(listener.address);
  const socket: Socket = createConnection({ host, port });
  const closed = new Promise((resolve) => void socket.once("close", resolve));
  socket.on("error", () => undefined);
  socket.write(Buffer.alloc(4, 0xff));
  await closed;
  await listener.close();
});

test("an address that is taken rejects", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const taken = server.address() as { port: number };
  const handler = () => ({ onFrame: () => undefined, onClose: () => undefined });
  await expect(tcpNetwork.listen(`127.0.0.1:${taken.port}`, handler)).rejects.toThrow("EADDRINUSE");
  server.close();
});

test("addresses: host and port, IPv6 in brackets; all else is refused", () => {
  for (const [text, host, port] of [
    ["127.0.0.1:5050", "127.0.0.1", 5050],
    ["m1.example:0", "m1.example", 0],
    ["[::1]:65535", "::1", 65_535],
  ] as const) {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(joinAddress(host, port)).toBe(text);
  }
  for (const text of ["", "host", ":5050", "host:", "host:x", "host:65536", "host:-1", "host:1.5"]) {
    expect(() => parseAddress(text), text).toThrow("host:port");
  }
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
