// Real masters with certificates, and what strangers can do at their Raft port: nothing. And what a master says that
// would open that port to strangers.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAddress } from "../../src/host/tcp-network.ts";
import { readTlsFiles, type TlsPaths } from "../../src/host/tls-files.ts";
import { createTlsNetwork } from "../../src/host/tls-network.ts";
import { asId, type MemberId } from "../../src/kernel/ids.ts";
import { silentTracer } from "../../src/kernel/ports.ts";
import { encodeHandshake } from "../../src/raft/handshake.ts";
import { type Authority, makeAuthority } from "../support/certificates.ts";
import { eventually, freePorts, getJson } from "../support/cluster.ts";
import { type Running, startTepui, tepui } from "../support/tepui.ts";

const IDS = ["m1", "m2", "m3"];
const CLUSTER = "guarded";
/** Of random bytes, each on a connection of its own. */
const VOLLEYS = 30;
const ATTEMPTS_MAX = 3;
/** Between two bytes of one that dawdles. Milliseconds. */
const DAWDLE_MS = 200;

interface Status {
  readonly self: string;
  readonly term: number;
  readonly ready: boolean;
  readonly role: string;
}

let folder: string;
let authority: Authority;
const certificates = new Map<string, TlsPaths>();
const masters: Running[] = [];
let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-port-"));
  port = await freePorts();
  authority = await makeAuthority(folder, "cluster");
  for (const id of IDS) certificates.set(id, await authority.issue(id));
  for (const id of IDS) masters.push(startTepui(words(id)));
  await leader();
});

afterAll(async () => {
  for (const { child } of masters) child.kill("SIGKILL");
  await Promise.all(masters.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

function raftOf(id: string): string {
  return `127.0.0.1:${port + 2 + 10 * IDS.indexOf(id)}`;
}

function apiOf(id: string): string {
  return `127.0.0.1:${port + 10 * IDS.indexOf(id)}`;
}

function words(id: string): string[] {
  const members = IDS.map((member) => `${member}=${raftOf(member)},${apiOf(member)}`).join(";");
  const { cert, key, ca } = certificateOf(id);
  return [
    ...["master", "--id", id, "--member", members, "--cluster", CLUSTER, "--log-level", "warn"],
    ...["--data-dir", join(folder, id), "--raft-cert", cert, "--raft-key", key, "--raft-ca", ca],
  ];
}

function certificateOf(id: string): TlsPaths {
  const paths = certificates.get(id);
  if (paths === undefined) throw new Error(`no certificate of ${id}`);
  return paths;
}

function statuses(): Promise<readonly Status[]> {
  return Promise.all(IDS.map(async (id) => (await getJson(`http://${apiOf(id)}/tepui/v1/status`)) as Status));
}

function leader(): Promise<Status> {
  return eventually("a leader", async () => {
    const all = await statuses();
    const terms = new Set(all.map(({ term }) => term));
    return terms.size === 1 ? all.find(({ ready }) => ready) : undefined;
  });
}

function closed(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

/** One byte at a time, until it is cut off. */
async function dawdle({ socket, over }: Stranger): Promise<void> {
  const timer = setInterval(() => socket.write(Buffer.from([0])), DAWDLE_MS);
  await over;
  clearInterval(timer);
}

interface Stranger {
  readonly socket: Socket;
  /** It was closed. */
  readonly over: Promise<void>;
}

function plain(address: string): Stranger {
  const socket = createConnection(parseAddress(address));
  return { socket, over: closed(socket) };
}

async function secure(paths: TlsPaths, address: string): Promise<Stranger> {
  const files = await readTlsFiles(paths, "m2", Date.now());
  const socket = connect({ ...parseAddress(address), ...files, checkServerIdentity: () => undefined });
  return { socket, over: closed(socket) };
}

/** What a member that says it is `from` gets to see with this certificate: the reason why it is closed. */
async function greet(paths: TlsPaths, owner: string, from: string, to: string): Promise<string> {
  const network = createTlsNetwork(await readTlsFiles(paths, owner, Date.now()), silentTracer);
  const names = { from: asId<MemberId>(from), to: asId<MemberId>(to) };
  const greeting = encodeHandshake({ clusterName: CLUSTER, ...names, address: "127.0.0.1:1", groupId: null });
  return new Promise((resolve) => {
    const connection = network.dial(raftOf(to), {
      onOpen: () => connection.send(greeting),
      onFrame: () => undefined,
      onClose: resolve,
    });
  });
}

test("strangers' bytes change neither leader nor term, and every one of them is closed", async () => {
  // A machine that is busy with other things may hold an election of its own accord, but not each time.
  const changes: boolean[] = [];
  while (changes.length < ATTEMPTS_MAX && !changes.includes(false)) changes.push(await attack());
  expect(changes).toContain(false);
});

/** @returns whether another leads afterwards, or in another term */
async function attack(): Promise<boolean> {
  const before = await leader();
  const address = raftOf(before.self);
  const stranger = await (await makeAuthority(folder, "stranger")).issue("m2");
  const noise = Array.from({ length: VOLLEYS }, (_, i) => {
    const { socket, over } = plain(address);
    socket.write(randomBytes(1 + 997 * i));
    return over;
  });
  const outsider = await secure({ ...stranger, ca: certificateOf("m2").ca }, address);
  const half = await secure(certificateOf("m2"), address);
  half.socket.write(Buffer.concat([Buffer.from([0, 0, 0, 200]), randomBytes(20)]));
  const huge = await secure(certificateOf("m2"), address);
  huge.socket.write(Buffer.from([0x03, 0xff, 0xff, 0xff, 1, 2, 3]));
  await Promise.all([...noise, outsider.over, half.over, huge.over]);
  await Promise.all([dawdle(plain(address)), dawdle(await secure(certificateOf("m2"), address))]);
  const after = await leader();
  return after.self !== before.self || after.term !== before.term;
}

test("a certificate speaks for its own member only", async () => {
  const { self } = await leader();
  const [liar = "", other = ""] = IDS.filter((id) => id !== self);
  expect(await greet(certificateOf(liar), liar, other, self)).toBe("closed by the peer");
  expect(await greet(certificateOf(liar), liar, "m9", self)).toBe("closed by the peer");
  const again = await leader();
  expect(again.self).toBe(self);
});

test("a master with another's certificate, or without one beyond this machine, does not start", async () => {
  const start = async (...flags: string[]) => {
    const data = ["--data-dir", join(folder, "none"), "--id", "x", "--log-level", "error"];
    const { code, stderr } = await tepui(["master", ...data, ...flags]);
    return { code, stderr };
  };
  const { cert, key, ca } = certificateOf("m1");
  const away = ["--member", `x=10.1.2.3:${port + 90},10.1.2.3:${port + 91}`];
  const open = await start(...away);
  expect(open.code).toBe(1);
  expect(open.stderr).toMatch(
    /10\.1\.2\.3:\d+ can be reached from other machines.*--raft-cert.*--insecure-raft/s,
  );
  const foreign = await start(...away, "--raft-cert", cert, "--raft-key", key, "--raft-ca", ca);
  expect(foreign.stderr).toMatch(/is a certificate of m1, not of this member: "x" must be/);
  const half = await start(...away, "--raft-cert", cert);
  expect(half.stderr).toMatch(/go together; --raft-key and --raft-ca is not given|--raft-key/);
});
