// The calls of containerd's API with the types of their messages. In a request, a field left out has its zero value; in an
// answer, a message left out is null.

export interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface ContainerRecord {
  readonly id: string;
  readonly labels: Labels;
  readonly image?: string;
  readonly runtime: { readonly name: string };
  readonly spec: Any;
  readonly snapshotter?: string;
  readonly snapshotKey?: string;
}

export type TaskStatus = "UNKNOWN" | "CREATED" | "RUNNING" | "STOPPED" | "PAUSED" | "PAUSING";

export interface TaskProcess {
  /** The container's id. (The field for that is empty in containerd's answers.) */
  readonly id: string;
  readonly pid: number;
  readonly status: TaskStatus;
  readonly exitStatus: number;
}

export interface ImageRecord {
  readonly name: string;
  readonly target: Descriptor;
}

export interface WriteContent {
  readonly action: "STAT" | "WRITE" | "COMMIT";
  readonly ref: string;
  readonly total?: number;
  readonly expected?: string;
  readonly offset?: number;
  readonly data?: Uint8Array;
  readonly labels?: Labels;
}

export interface Envelope {
  readonly namespace: string;
  readonly topic: string;
  readonly event: Any | null;
}

export interface TaskExit {
  readonly containerId: string;
  /** Equal to the container's id for its first process. */
  readonly id: string;
  readonly exitStatus: number;
}

type Empty = Readonly<Record<string, never>>;

/** A call: its path on the wire and the names of its messages in the protocol. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly request: string;
  readonly response: string;
  /** Never there: ties the types of the messages to the value. */
  readonly types?: (request: Request) => Response;
}

function method<Request, Response>(
  service: string,
  name: string,
  request: string,
  response: string,
): Method<Request, Response> {
  return { path: `/containerd.services.${service}/${name}`, request, response };
}

const containers = "containers.v1.Containers";
const tasks = "tasks.v1.Tasks";
const images = "images.v1.Images";
const content = "content.v1.Content";
const snapshots = "snapshots.v1.Snapshots";
const leases = "leases.v1.Leases";

export const getVersion = method<Empty, { readonly version: string }>(
  "version.v1.Version",
  "Version",
  "Empty",
  "VersionResponse",
);

export const createNamespace = method<{ readonly namespace: { readonly name: string } }, object>(
  "namespaces.v1.Namespaces",
  "Create",
  "CreateNamespaceRequest",
  "CreateNamespaceResponse",
);

export const createContainer = method<{ readonly container: ContainerRecord }, object>(
  containers,
  "Create",
  "CreateContainerRequest",
  "CreateContainerResponse",
);
export const listContainers = method<
  { readonly filters: readonly string[] },
  { readonly containers: readonly ContainerRecord[] }
>(containers, "List", "ListContainersRequest", "ListContainersResponse");
export const deleteContainer = method<{ readonly id: string }, Empty>(
  containers,
  "Delete",
  "DeleteContainerRequest",
  "Empty",
);

interface CreateTask {
  readonly containerId: string;
  readonly rootfs: readonly Mount[];
  readonly stdout: string;
  readonly stderr: string;
}
interface OfContainer {
  readonly containerId: string;
}
export const createTask = method<CreateTask, { readonly pid: number }>(
  tasks,
  "Create",
  "CreateTaskRequest",
  "CreateTaskResponse",
);
export const startTask = method<OfContainer, { readonly pid: number }>(
  tasks,
  "Start",
  "StartTaskRequest",
  "StartTaskResponse",
);
export const deleteTask = method<OfContainer, { readonly exitStatus: number }>(
  tasks,
  "Delete",
  "DeleteTaskRequest",
  "DeleteTaskResponse",
);
export const getTask = method<OfContainer, { readonly process: TaskProcess | null }>(
  tasks,
  "Get",
  "GetTaskRequest",
  "GetTaskResponse",
);
export const listTasks = method<Empty, { readonly tasks: readonly TaskProcess[] }>(
  tasks,
  "List",
  "ListTasksRequest",
  "ListTasksResponse",
);
interface KillTask extends OfContainer {
  readonly signal: number;
  readonly all: boolean;
}
export const killTask = method<KillTask, Empty>(tasks, "Kill", "KillTaskRequest", "Empty");

export const getImage = method<{ readonly name: string }, { readonly image: ImageRecord | null }>(
  images,
  "Get",
  "GetImageRequest",
  "GetImageResponse",
);
export const createImage = method<{ readonly image: ImageRecord }, object>(
  images,
  "Create",
  "CreateImageRequest",
  "CreateImageResponse",
);

export const contentInfo = method<{ readonly digest: string }, object>(
  content,
  "Info",
  "ContentInfoRequest",
  "ContentInfoResponse",
);
interface UpdateContent {
  readonly info: { readonly digest: string; readonly labels: Labels };
  readonly updateMask: { readonly paths: readonly string[] };
}
export const updateContent = method<UpdateContent, object>(
  content,
  "Update",
  "UpdateContentRequest",
  "UpdateContentResponse",
);
/** The answer is a stream. */
export const readContent = method<
  { readonly digest: string; readonly offset: number; readonly size: number },
  { readonly data: Uint8Array }
>(content, "Read", "ReadContentRequest", "ReadContentResponse");
/** Both ways a stream; an answer for each request. */
export const writeContent = method<WriteContent, { readonly offset: number }>(
  content,
  "Write",
  "WriteContentRequest",
  "WriteContentResponse",
);
export const abortContent = method<{ readonly ref: string }, Empty>(
  content,
  "Abort",
  "AbortContentRequest",
  "Empty",
);

interface PrepareSnapshot {
  readonly snapshotter: string;
  readonly key: string;
  readonly parent: string;
  readonly labels?: Labels;
}
export const prepareSnapshot = method<PrepareSnapshot, { readonly mounts: readonly Mount[] }>(
  snapshots,
  "Prepare",
  "PrepareSnapshotRequest",
  "PrepareSnapshotResponse",
);
interface CommitSnapshot {
  readonly snapshotter: string;
  readonly name: string;
  readonly key: string;
}
export const commitSnapshot = method<CommitSnapshot, Empty>(
  snapshots,
  "Commit",
  "CommitSnapshotRequest",
  "Empty",
);
interface SnapshotKey {
  readonly snapshotter: string;
  readonly key: string;
}
export const removeSnapshot = method<SnapshotKey, Empty>(
  snapshots,
  "Remove",
  "RemoveSnapshotRequest",
  "Empty",
);
export const statSnapshot = method<SnapshotKey, object>(
  snapshots,
  "Stat",
  "StatSnapshotRequest",
  "StatSnapshotResponse",
);

export const applyDiff = method<
  { readonly diff: Descriptor; readonly mounts: readonly Mount[] },
  { readonly applied: Descriptor | null }
>("diff.v1.Diff", "Apply", "ApplyDiffRequest", "ApplyDiffResponse");

export const createLease = method<{ readonly id: string; readonly labels: Labels }, object>(
  leases,
  "Create",
  "CreateLeaseRequest",
  "CreateLeaseResponse",
);
export const deleteLease = method<{ readonly id: string }, Empty>(
  leases,
  "Delete",
  "DeleteLeaseRequest",
  "Empty",
);
interface AddResource {
  readonly id: string;
  readonly resource: { readonly id: string; readonly type: string };
}
export const addLeasedResource = method<AddResource, Empty>(
  leases,
  "AddResource",
  "AddLeasedResourceRequest",
  "Empty",
);

/** The answer is a stream without end. */
export const subscribe = method<{ readonly filters: readonly string[] }, Envelope>(
  "events.v1.Events",
  "Subscribe",
  "SubscribeRequest",
  "Envelope",
);
