// Mutual TLS between members over real sockets: who may connect, and that nobody else's bytes reach a handler.
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAddress, tcpNetwork } from "../../src/host/tcp-network.ts";
import { namesOf, readTlsFiles, type TlsPaths } from "../../src/host/tls-files.ts";
import { createTlsNetwork } from "../../src/host/tls-network.ts";
import { type Listener, type Network, silentTracer } from "../../src/kernel/ports.ts";
import { type Authority, makeAuthority } from "../support/certificates.ts";

let folder: string;
let authority: Authority;
let m1: TlsPaths;
let m2: TlsPaths;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-tls-"));
  authority = await makeAuthority(folder, "cluster");
  m1 = await authority.issue("m1");
  m2 = await authority.issue("host2.example", ["other", "m2"]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function networkOf(paths: TlsPaths, member: string): Promise<Network> {
  return createTlsNetwork(await readTlsFiles(paths, member, Date.now()), silentTracer);
}

interface Server {
  readonly listener: Listener;
  /** What its handlers were told. */
  readonly seen: string[];
}

async function server(): Promise<Server> {
  const seen: string[] = [];
  const listener = await (await networkOf(m1, "m1")).listen("127.0.0.1:0", (connection) => {
    seen.push(`accepted ${connection.peerNames?.()?.join(",")}`);
    return {
      onFrame: (frame) => void seen.push(Buffer.from(frame).toString()),
      onClose: () => void seen.push("closed"),
    };
  });
  return { listener, seen };
}

/** Dials, says hello, and tells how it went; an accepted connection is closed by us when `until` holds. */
async function dial(network: Network, address: string, until: () => boolean): Promise<string> {
  return new Promise((resolve) => {
    let names: readonly string[] | undefined;
    const connection = network.dial(address, {
      onOpen: () => {
        names = connection.peerNames?.();
        connection.send(Buffer.from("hello"));
      },
      onFrame: () => undefined,
      onClose: (reason) => {
        clearInterval(poll);
        resolve(`closed: ${reason}`);
      },
    });
    const poll = setInterval(() => {
      if (!until()) return;
      clearInterval(poll);
      connection.close();
      resolve(`open to ${names?.join(",")}`);
    }, 5);
  });
}

test("members of one authority connect, and each knows the other's names", async () => {
  const { listener, seen } = await server();
  const outcome = await dial(await networkOf(m2, "m2"), listener.address, () => seen.includes("hello"));
  expect(outcome).toBe("open to m1");
  expect(seen.slice(0, 2)).toEqual(["accepted host2.example,other,m2", "hello"]);
  await listener.close();
});

test("a certificate of another authority opens nothing, on either side", async () => {
  const { listener, seen } = await server();
  const stranger = await (await makeAuthority(folder, "stranger")).issue("m2");
  const wholly = await dial(await networkOf(stranger, "m2"), listener.address, () => false);
  expect(wholly).toMatch(/^closed: .*(certificate|issuer)/);
  // It trusts our authority, but its own certificate is not signed by it.
  const half = await networkOf({ ...stranger, ca: m1.ca }, "m2");
  expect(await dial(half, listener.address, () => false)).toMatch(/^closed: /);
  expect(seen).toEqual([]);
  await listener.close();
});

test("whoever has no certificate, or speaks no TLS 1.3, or no TLS at all, is closed and reaches nobody", async () => {
  const { listener, seen } = await server();
  const { host, port } = parseAddress(listener.address);
  const closed = (socket: Socket): Promise<void> => {
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    return new Promise((resolve) => void socket.once("close", () => resolve()));
  };
  const garbage = createConnection({ host, port });
  garbage.write(Buffer.alloc(20_000, 0x5a));
  await Promise.all([
    closed(connect({ host, port, rejectUnauthorized: false })),
    closed(connect({ host, port, rejectUnauthorized: false, maxVersion: "TLSv1.2" })),
    closed(garbage),
    expect(dial(tcpNetwork, listener.address, () => false)).resolves.toMatch(/^closed: /),
  ]);
  expect(seen).toEqual([]);
  const after = await dial(await networkOf(m2, "m2"), listener.address, () => seen.includes("hello"));
  expect(after).toBe("open to m1");
  await listener.close();
});

test("files that do not fit each other or the member are refused with what is wrong", async () => {
  const read = (paths: Partial<TlsPaths>, member = "m1", nowMs = Date.now()) =>
    readTlsFiles({ ...m1, ...paths }, member, nowMs);
  await expect(read({}, "m3")).rejects.toThrow(/certificate of m1, not of this member: "m3" must be/);
  await expect(read({ key: m2.key })).rejects.toThrow(/is not the key of/);
  await expect(read({ ca: join(folder, "none") })).rejects.toThrow(/--raft-ca .*none cannot be read/);
  await expect(read({ cert: m1.key })).rejects.toThrow(/--raft-cert .* is not usable/);
  await expect(read({}, "m1", Date.now() + 365 * 86_400_000)).rejects.toThrow(/has expired/);
});

test("names are read to the letter: what stands in quotes is nobody's", () => {
  const names = namesOf({
    subject: "C=XX\nCN=host\nOU=CN=m9",
    subjectAltName: 'DNS:"x, DNS:m1, y", DNS:m2, IP Address:10.0.0.1, URI:DNS:m3',
  });
  expect(names).toEqual(["host", "m2"]);
});
