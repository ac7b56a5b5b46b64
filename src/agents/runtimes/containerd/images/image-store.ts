// Brings the image of a task into containerd, from an archive or by a reference that is there already, and unpacks it.
import { stat } from "node:fs/promises";
import { arch } from "node:os";
import { RuntimeFailure } from "../../../runtime.ts";
import { type Connection, ignoreAlreadyThere, isNotFound } from "../connection.ts";
import { createImage, type Descriptor, getImage, type Labels } from "../methods.ts";
import { readWholeBlob, storeBlob } from "./content-store.ts";
import { type ImageContent, type ImageSettings, type Platform, readImage } from "./documents.ts";
import { type ImageArchive, openArchive } from "./oci-archive.ts";
import { isArchivePath, normalizeReference } from "./reference.ts";
import { unpack, withLease } from "./unpack.ts";

export interface ReadyImage {
  /** Name of the image in containerd. */
  readonly name: string;
  /** Snapshot on which containers' own snapshots are prepared. */
  readonly snapshot: string;
  readonly settings: ImageSettings;
}

export interface ImageStore {
  /** Rejects with a RuntimeFailure or a ServiceError. Calls for the same image at the same time share the work. */
  ensure(image: string): Promise<ReadyImage>;
}

/** Go's names of processor architectures, where they differ from Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function createImageStore(connection: Connection, snapshotter: string): ImageStore {
  const platform = { os: "linux", architecture: ARCHITECTURES[arch()] ?? arch() };
  const running = new Map<string, Promise<ReadyImage>>();
  const known = new Map<string, string>();
  const prepare = (image: string) =>
    isArchivePath(image)
      ? ensureArchive(connection, snapshotter, platform, image, known)
      : ensureReference(connection, snapshotter, platform, normalizeReference(image));
  return {
    ensure: (image) => {
      const shared = running.get(image) ?? prepare(image).finally(() => running.delete(image));
      running.set(image, shared);
      return shared;
    },
  };
}

async function ensureReference(
  connection: Connection,
  snapshotter: string,
  platform: Platform,
  name: string,
): Promise<ReadyImage> {
  const target = await findImage(connection, name);
  if (target === undefined) throw notFound(name, missingReference(connection, name));
  const content = await inImage(name, () =>
    readImage(target, platform, (blob) => readWholeBlob(connection, blob)),
  );
  return { name, snapshot: await unpack(connection, snapshotter, content), settings: content.settings };
}

/**
 * An archive's image is named by its digest, not by the name written in the archive: two archives may claim one name.
 * @param known image names of archives that were imported, by path, size and time of change
 */
async function ensureArchive(
  connection: Connection,
  snapshotter: string,
  platform: Platform,
  path: string,
  known: Map<string, string>,
): Promise<ReadyImage> {
  const version = await archiveVersion(path);
  const imported = known.get(version);
  if (imported !== undefined && (await findImage(connection, imported)) !== undefined) {
    return await ensureReference(connection, snapshotter, platform, imported);
  }
  const archive = await inImage(path, () => openArchive(path, platform));
  try {
    const name = `tepui.archive/${archive.content.manifest.digest.replace(":", "/")}:imported`;
    await importArchive(connection, archive, name);
    known.set(version, name);
    return await ensureReference(connection, snapshotter, platform, name);
  } finally {
    await archive.close();
  }
}

async function archiveVersion(path: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    return JSON.stringify([path, size, mtimeMs, ino]);
  } catch (error) {
    throw notFound(path, `cannot read the image archive on this agent: ${(error as Error).message}`);
  }
}

async function importArchive(connection: Connection, archive: ImageArchive, name: string): Promise<void> {
  if ((await findImage(connection, name)) !== undefined) return;
  const { manifest, config, layers } = archive.content;
  await withLease(connection, async (lease) => {
    const store = (blob: Descriptor, labels: Labels) =>
      storeBlob(connection, lease, blob, labels, (offset, length) => archive.read(blob, offset, length));
    for (const layer of layers) await store(layer, {});
    await store(config, {});
    await store(manifest, manifestLabels(archive.content));
    await ignoreAlreadyThere(connection.call(createImage, { image: { name, target: manifest } }));
  });
}

/** Garbage collection follows these from a manifest to what it needs. */
function manifestLabels({ config, layers }: ImageContent): Labels {
  const ofLayers = layers.map((layer, i) => [`containerd.io/gc.ref.content.l.${i}`, layer.digest] as const);
  return { "containerd.io/gc.ref.content.config": config.digest, ...Object.fromEntries(ofLayers) };
}

async function findImage(connection: Connection, name: string): Promise<Descriptor | undefined> {
  try {
    return (await connection.call(getImage, { name })).image?.target;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function inImage<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isNotFound(error))
      throw notFound(name, "parts of the image are missing in containerd; import it again");
    if (error instanceof Error && !("details" in error)) {
      throw new RuntimeFailure("launch-failed", `cannot use the image ${name}: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function missingReference(connection: Connection, name: string): string {
  const ctr = `ctr --address ${connection.address} --namespace ${connection.namespace} images`;
  return (
    `it is not in containerd's namespace "${connection.namespace}" on this agent. Fetch it with "${ctr} pull ${name}", ` +
    `import an archive with "${ctr} import image.tar", or give the absolute path of an OCI archive as the image`
  );
}

function notFound(name: string, reason: string): RuntimeFailure {
  return new RuntimeFailure("image-not-found", `no image ${name}: ${reason}`);
}
