// The JSON documents of an image (OCI image specification 1.0 and Docker's equal ones): index, manifest and
// configuration, checked as far as they are used.
import { createHash } from "node:crypto";
import { MAX_IMAGE_DOCUMENT_BYTES, MAX_INDEX_DEPTH, MAX_LAYERS } from "../../limits.ts";
import type { Descriptor } from "../methods.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

export interface ImageContent {
  /** The manifest for this platform. */
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Digests of the layers' uncompressed tars, bottom first. */
  readonly diffIds: readonly string[];
  readonly settings: ImageSettings;
}

export interface ImageSettings {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly user: string;
}

/** Reads a blob as a whole, after a check of its size. */
export type ReadBlob = (descriptor: Descriptor) => Promise<Uint8Array>;

const INDEX_TYPES = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Follows an image's target to what this platform is to run. Throws an Error that says what is wrong. */
export async function readImage(
  target: Descriptor,
  platform: Platform,
  readBlob: ReadBlob,
): Promise<ImageContent> {
  const manifest = await findManifest(target, platform, readBlob, 0);
  const document = await readJson(manifest, readBlob);
  const config = descriptor(document.config);
  const layers = list(document.layers).map(descriptor);
  const { config: settings, rootfs } = await readJson(config, readBlob);
  const diffIds = list(record(rootfs).diff_ids).map(digest);
  if (diffIds.length !== layers.length || layers.length === 0 || layers.length > MAX_LAYERS) {
    throw new Error(`${layers.length} layers, but ${diffIds.length} in the image's configuration`);
  }
  return { manifest, config, layers, diffIds, settings: readSettings(settings) };
}

/** Snapshot names as containerd makes them: of the first layer its own digest, then hashes over the chain. */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    const hash = below === undefined ? undefined : createHash("sha256").update(`${below} ${diffId}`);
    chain.push(hash === undefined ? diffId : `sha256:${hash.digest("hex")}`);
  }
  return chain;
}

/** The descriptors of an index. */
export function indexEntries(document: Record<string, unknown>): readonly IndexEntry[] {
  return list(document.manifests).map((item) => {
    const { platform } = record(item);
    return { ...descriptor(item), platform: platform === undefined ? undefined : record(platform) };
  });
}

interface IndexEntry extends Descriptor {
  readonly platform: Record<string, unknown> | undefined;
}

async function findManifest(
  target: Descriptor,
  platform: Platform,
  readBlob: ReadBlob,
  depth: number,
): Promise<Descriptor> {
  if (!INDEX_TYPES.has(target.mediaType)) return target;
  if (depth >= MAX_INDEX_DEPTH) throw new Error("image indexes are nested too deep");
  const chosen = choose(indexEntries(await readJson(target, readBlob)), platform);
  return await findManifest(chosen, platform, readBlob, depth + 1);
}

/** The entry for the platform; failing that, one that names none. */
export function choose(entries: readonly IndexEntry[], platform: Platform): Descriptor {
  const fits = (entry: IndexEntry) =>
    entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture;
  const found = entries.find(fits) ?? entries.find((entry) => entry.platform === undefined);
  if (found === undefined)
    throw new Error(`nothing for ${platform.os}/${platform.architecture} in the image`);
  return { mediaType: found.mediaType, digest: found.digest, size: found.size };
}

function readSettings(value: unknown): ImageSettings {
  const settings = value === undefined || value === null ? {} : record(value);
  const env = settings.Env === undefined || settings.Env === null ? [] : list(settings.Env).map(String);
  return { env, user: typeof settings.User === "string" ? settings.User : "" };
}

async function readJson(of: Descriptor, readBlob: ReadBlob): Promise<Record<string, unknown>> {
  if (of.size > MAX_IMAGE_DOCUMENT_BYTES) throw new Error(`${of.digest} has ${of.size} bytes, too many`);
  return parseDocument(await readBlob(of));
}

export function parseDocument(bytes: Uint8Array): Record<string, unknown> {
  return record(JSON.parse(Buffer.from(bytes).toString("utf8")));
}

function descriptor(value: unknown): Descriptor {
  const { mediaType, digest: hash, size } = record(value);
  if (typeof mediaType !== "string" || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new Error("a descriptor of the image is incomplete");
  }
  return { mediaType, digest: digest(hash), size };
}

function digest(value: unknown): string {
  if (typeof value !== "string" || !DIGEST.test(value))
    throw new Error(`"${String(value)}" is no sha256 digest`);
  return value;
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("an object is missing");
  return value as Record<string, unknown>;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("a list is missing");
  return value;
}
