// Image references: the short form that people write and the full one under which containerd keeps an image.

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_OWNER = "library";
const DEFAULT_TAG = "latest";

/** `busybox` is docker.io/library/busybox:latest; a first part with a dot or colon, or `localhost`, is a registry. */
export function normalizeReference(reference: string): string {
  const slash = reference.indexOf("/");
  const first = slash < 0 ? "" : reference.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  const registry = hasRegistry ? first : DEFAULT_REGISTRY;
  const rest = hasRegistry ? reference.slice(slash + 1) : reference;
  const path = registry === DEFAULT_REGISTRY && !rest.includes("/") ? `${DEFAULT_OWNER}/${rest}` : rest;
  const named = path.slice(path.lastIndexOf("/") + 1);
  return named.includes(":") || named.includes("@")
    ? `${registry}/${path}`
    : `${registry}/${path}:${DEFAULT_TAG}`;
}

/** An absolute path is an archive on this host, anything else a reference. */
export function isArchivePath(image: string): boolean {
  return image.startsWith("/");
}
