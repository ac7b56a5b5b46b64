import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { layersOf } from "../../../../src/agents/runtimes/containerd/image-accounts.ts";
import {
  chainIds,
  choose,
  indexEntries,
} from "../../../../src/agents/runtimes/containerd/images/documents.ts";
import { normalizeReference } from "../../../../src/agents/runtimes/containerd/images/reference.ts";
import { indexTar, parsePax } from "../../../../src/agents/runtimes/containerd/images/tar-index.ts";
import { mergeEnvironment } from "../../../../src/agents/runtimes/containerd/oci-spec.ts";

const folder = await mkdtemp(join(tmpdir(), "tepui-images-"));
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["busybox", "docker.io/library/busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36"],
  ["me/app", "docker.io/me/app:latest"],
  ["quay.io/me/app", "quay.io/me/app:latest"],
  ["localhost/app:2", "localhost/app:2"],
  ["reg:5000/app", "reg:5000/app:latest"],
  ["docker.io/busybox", "docker.io/library/busybox:latest"],
  ["app@sha256:abc", "docker.io/library/app@sha256:abc"],
])("normalizeReference(%s)", (short, full) => {
  expect(normalizeReference(short)).toBe(full);
});

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

test("chainIds hashes each layer over the one below", () => {
  const [first, second, third] = chainIds([digestOf("1"), digestOf("2"), digestOf("3")]);
  expect(first).toBe(digestOf("1"));
  expect(second).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(new Set([first, second, third]).size).toBe(3);
  expect(chainIds([digestOf("1"), digestOf("2")])[1]).toBe(second);
  expect(chainIds([])).toEqual([]);
});

describe("choose", () => {
  const entry = (digit: string, platform?: object) => ({
    mediaType: "m",
    digest: digestOf(digit),
    size: 1,
    ...(platform === undefined ? {} : { platform }),
  });
  const pick = (...manifests: object[]) =>
    choose(indexEntries({ manifests }), { os: "linux", architecture: "arm64" }).digest;
  const amd = entry("1", { os: "linux", architecture: "amd64" });
  const arm = entry("2", { os: "linux", architecture: "arm64" });
  test("takes the platform's, or one that names none, or fails", () => {
    expect(pick(amd, entry("3"), arm)).toBe(digestOf("2"));
    expect(pick(amd, entry("3"))).toBe(digestOf("3"));
    expect(() => pick(amd)).toThrow("linux/arm64");
  });
  test("refuses digests and descriptors that are none", () => {
    expect(() => pick({ ...arm, digest: "sha256:../../x" })).toThrow("no sha256 digest");
    expect(() => pick({ ...arm, size: -1 })).toThrow("incomplete");
  });
});

test("mergeEnvironment lets the task override the image", () => {
  expect(mergeEnvironment(["PATH=/a", "B=1"], { PATH: "/b", C: "x=y" })).toEqual(["PATH=/b", "B=1", "C=x=y"]);
});

test("layersOf names an overlay's folders from the top", () => {
  const options = ["workdir=/w", "upperdir=/u", "lowerdir=/l2:/l1"];
  expect(layersOf([{ type: "overlay", source: "overlay", options }])).toEqual(["/u", "/l2", "/l1"]);
  expect(layersOf([{ type: "bind", source: "/b", options: ["rbind"] }])).toEqual(["/b"]);
});

describe("indexTar", () => {
  const header = (name: string, size: number, type: string): Buffer => {
    const block = Buffer.alloc(512);
    block.write(name, 0, 100, "utf8");
    block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
    block.write("        ", 148, "latin1");
    block.write(type, 156, "latin1");
    block.write("ustar\x0000", 257, "latin1");
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return block;
  };
  const member = (name: string, content: string, type = "0"): Buffer => {
    const bytes = Buffer.from(content);
    const padding = Buffer.alloc(Math.ceil(bytes.length / 512) * 512 - bytes.length);
    return Buffer.concat([header(name, bytes.length, type), bytes, padding]);
  };
  const index = async (bytes: Buffer) => {
    const path = join(folder, "archive.tar");
    await writeFile(path, bytes);
    const file = await open(path);
    try {
      return await indexTar(file);
    } finally {
      await file.close();
    }
  };
  const end = Buffer.alloc(1024);

  test("finds files by name, and leaves folders and links out", async () => {
    const bytes = Buffer.concat([member("d/", "", "5"), member("./a", "hello"), member("l", "", "2"), end]);
    expect(await index(bytes)).toEqual(new Map([["a", { offset: 1024, size: 5 }]]));
  });
  test("knows long names of GNU tar and of pax", async () => {
    const long = `${"x".repeat(150)}/y`;
    const pax = `${`170 path=${long}`.length + 1} path=${long}\n`;
    expect(parsePax(Buffer.from(pax))).toEqual({ path: long });
    const bytes = [
      member("", `${long}\0`, "L"),
      member("cut", "1"),
      member("", pax, "x"),
      member("cut", "22"),
    ];
    expect(
      [...(await index(Buffer.concat([...bytes, end])))].map(([name, { size }]) => [name, size]),
    ).toEqual([[long, 2]]);
  });
  test("refuses what is cut short or no archive", async () => {
    await expect(index(member("a", "x".repeat(600)).subarray(0, 1000))).rejects.toThrow("cut short");
    await expect(index(Buffer.alloc(1024, "text"))).rejects.toThrow("not a tar");
  });
});
