// Builds a small OCI image archive from the static busybox of this machine (Debian: busybox-static), for examples and
// tests that must not fetch anything. The same busybox gives the same bytes.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { promisify } from "node:util";

const BUSYBOX = "/bin/busybox";
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const BLOCK_BYTES = 512;

const PASSWD = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/:/bin/false", ""].join("\n");
const GROUP = ["root:x:0:", "users:x:100:nobody", "nogroup:x:65534:", ""].join("\n");
const FOLDERS = ["bin", "dev", "etc", "mnt", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var"];

interface TarFile {
  readonly name: string;
  readonly kind: "file" | "folder" | "link";
  readonly mode: number;
  readonly content: Uint8Array;
  readonly target?: string;
}

/** Writes the archive; its image has busybox's commands in /bin and the users root and nobody. */
export async function buildBusyboxArchive(path: string): Promise<void> {
  const layer = tar(await rootFiles());
  const config = json({
    architecture: ARCHITECTURES[arch()] ?? arch(),
    os: "linux",
    config: { Env: ["PATH=/bin:/usr/bin"], Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: [digest(layer)] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: describe("application/vnd.oci.image.config.v1+json", config),
    layers: [describe("application/vnd.oci.image.layer.v1.tar", layer)],
  });
  const index = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [describe("application/vnd.oci.image.manifest.v1+json", manifest)],
  });
  const blobs = [config, layer, manifest].map((blob) => file(`blobs/sha256/${hex(blob)}`, 0o644, blob));
  const layout = file("oci-layout", 0o644, json({ imageLayoutVersion: "1.0.0" }));
  const archive = tar([
    folder("blobs"),
    folder("blobs/sha256"),
    ...blobs,
    file("index.json", 0o644, index),
    layout,
  ]);
  await writeFile(`${path}.tmp`, archive);
  await rename(`${path}.tmp`, path);
}

async function rootFiles(): Promise<readonly TarFile[]> {
  const busybox = await readFile(BUSYBOX);
  const { stdout } = await promisify(execFile)(BUSYBOX, ["--list"]);
  const applets = stdout
    .split("\n")
    .filter((name) => /^[A-Za-z0-9[][A-Za-z0-9._[-]*$/.test(name) && name !== "busybox");
  const folders = FOLDERS.map((name) => folder(name, name === "tmp" ? 0o1777 : 0o755));
  return [
    ...folders,
    file("bin/busybox", 0o755, busybox),
    ...applets.sort().map((name) => link(`bin/${name}`, "/bin/busybox")),
    file("etc/group", 0o644, Buffer.from(GROUP)),
    file("etc/passwd", 0o644, Buffer.from(PASSWD)),
    file("etc/hosts", 0o644, Buffer.from("")),
    file("etc/resolv.conf", 0o644, Buffer.from("")),
  ];
}

function file(name: string, mode: number, content: Uint8Array): TarFile {
  return { name, kind: "file", mode, content };
}

function folder(name: string, mode = 0o755): TarFile {
  return { name: `${name}/`, kind: "folder", mode, content: new Uint8Array() };
}

function link(name: string, target: string): TarFile {
  return { name, kind: "link", mode: 0o777, content: new Uint8Array(), target };
}

function tar(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap((entry) => [header(entry), padded(entry.content)]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

const TYPE_FLAGS = { file: "0", link: "2", folder: "5" } as const;

/** A ustar header: owner root, time zero. */
function header(entry: TarFile): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number) =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  block.write(entry.name, 0, 100, "utf8");
  octal(entry.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(entry.content.length, 124, 11);
  octal(0, 136, 11);
  block.write("        ", 148, "latin1");
  block.write(TYPE_FLAGS[entry.kind], 156, "latin1");
  block.write(entry.target ?? "", 157, 100, "utf8");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function padded(content: Uint8Array): Buffer {
  const size = Math.ceil(content.length / BLOCK_BYTES) * BLOCK_BYTES;
  return Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function describe(mediaType: string, blob: Uint8Array): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digest(blob), size: blob.length };
}

function digest(blob: Uint8Array): string {
  return `sha256:${hex(blob)}`;
}

function hex(blob: Uint8Array): string {
  return createHash("sha256").update(blob).digest("hex");
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
