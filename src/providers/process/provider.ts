/**
 * The provider `process`: long-lived processes of this host as resources, without a daemon, a container or an init system.
 * Wires the rooms of this folder together; a process counts as its own only by its records and never by a bare number.
 */
import { basename, join } from "node:path";
import { AkcError } from "../../errors.ts";
import type { JsonValue } from "../../json/value.ts";
import { bunEnvironment, bunOptions } from "../../plugin-host/runtime.ts";
import { defaultCacheRoot, runtimeFiles } from "../../plugin-host/runtime-files.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import type { Clock } from "../../system/clock.ts";
import type { Launcher } from "../../system/launch.ts";
import { libc } from "../../system/libc.ts";
import type {
  HealthCondition,
  Observation,
  OwnedResource,
  Provider,
  ProviderCall,
  Revision,
  Standing,
} from "../contract.ts";
import { runObserveProbes } from "../probe/observe-probes.ts";
import { ProbeBoard } from "./board.ts";
import { applyChange, type ChangeDeps } from "./change.ts";
import { Children } from "./children.ts";
import { deleteService } from "./deletion.ts";
import { execOf } from "./probe-exec.ts";
import type { ReplicaRecord } from "./record.ts";
import { type Kept, openRecordStore } from "./record-store.ts";
import { resolveService, settingsOf } from "./revision.ts";
import { SocketKeeper } from "./sockets.ts";
import { type SeenCopy, standingOf } from "./standing.ts";
import { type Life, lifeOf, Starter, type Starts, startsOnce } from "./starter.ts";
import { Supervisor } from "./supervisor.ts";

const processProviderId = "process";

export interface ProcessProviderInput {
  /** `<outputs_root>/<tenant>/<repo>`: records, logs and working directories lie below its `.akc/services`. */
  readonly scopeRoot: string;
  /** `tenant_id/repo_id` */
  readonly scope: string;
  /** Of the bundle, for relative working directories; absent: the scope's. */
  readonly repoRoot?: string;
  /** akc's own. No service gets anything of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The least that the operator demands of every service; absent: whatever the bundle asks for. */
  readonly containment?: ContainmentLevel;
  /**
   * Whether `watch` starts copies again by itself, as their restart policy says. Without it `watch` changes nothing, and what is
   * to be started again is a difference that the next `apply` makes good. Never with `--dry-run`.
   */
  readonly supervise?: boolean;
  /** `deployment_provider.observe_probes` of the bundle. */
  readonly observeProbes?: JsonValue;
  /** Where the launcher's file is kept; absent: where those of plugins are. */
  readonly cacheRoot?: string;
}

export function createProcessProvider(input: ProcessProviderInput): Provider {
  const { scopeRoot, scope, clock } = input;
  const store = openRecordStore(scopeRoot);
  const sockets = new SocketKeeper();
  const children = new Children(clock);
  const launcher = launcherOf(input);
  const board = new ProbeBoard({
    clock,
    exec: (resourceId, record) => execOf({ scopeRoot, store, launcher }, resourceId, record),
    turned: (turn) => supervisor.turned(turn),
  });
  const starter = new Starter({
    scopeRoot,
    store,
    clock,
    launcher,
    began: (serviceId) => children.began(serviceId),
    ended(serviceId, exit) {
      children.ended(serviceId, exit);
      supervisor.touched();
    },
  });
  const supervisor = new Supervisor({
    store,
    starter,
    sockets,
    board,
    children,
    clock,
    supervise: input.supervise ?? false,
  });

  const stands = (
    folder: string,
    kept: Kept,
    asked: Revision | undefined,
    lifeOfCopy: LifeOfCopy,
  ): Standing => {
    const { service } = kept;
    if (service === undefined) return { kind: "absent" };
    const nowMs = clock.nowMs();
    const copies = kept.replicas.map((record): SeenCopy => {
      const life = lifeOfCopy(record);
      const exit = children.known(record.service_id);
      const readiness = board.state(record.service_id, "readiness");
      const liveness = board.state(record.service_id, "liveness");
      return {
        record,
        life: life.kind,
        rebooted: life.kind === "gone" && life.rebooted,
        ...(exit === undefined ? {} : { exit }),
        ...(readiness === undefined ? {} : { readiness }),
        ...(liveness === undefined ? {} : { liveness }),
      };
    });
    const conditions = supervisor.logTrouble(service.resource_id) ? [logsNotTurned] : [];
    return standingOf(
      { scope, folder: basename(folder), service, copies, nowMs, conditions },
      asked === undefined ? undefined : settingsOf(asked),
    );
  };

  const deps: ChangeDeps = {
    store,
    starter,
    sockets,
    board,
    clock,
    exitOf: (serviceId) => children.exitOf(serviceId),
    version(resourceId, kept) {
      const starts = startsOnce();
      const alive = (record: ReplicaRecord) => lifeOf(record, starts, clock.nowMs());
      const standing = stands(store.places(resourceId).folder, kept, undefined, alive);
      return standing.kind === "present" ? standing.version : null;
    },
  };

  return {
    id: processProviderId,
    capabilities: new Set(["observe", "apply", "delete", "rollback", "watch", "copies"]),
    resolve: (resources) =>
      Promise.all(
        resources.map((resource) =>
          resolveService(resource, {
            scopeRoot,
            repoRoot: input.repoRoot ?? scopeRoot,
            containment: input.containment ?? "none",
          }),
        ),
      ),
    async observe(revisions, owned, { signal }) {
      const asked = new Map(revisions.map((revision) => [revision.resourceId, revision]));
      const wanted = [...revisions, ...owned];
      if (libc() === undefined) return wanted.map((one) => unobservable(one, "unsupported", noProc));
      let kept: ReadonlyMap<string, Looked>;
      try {
        kept = lookAt(wanted);
      } catch (error) {
        return wanted.map((one) => unobservable(one, "denied", messageOf(error)));
      }
      const starts = startsOnce();
      for (const { found } of kept.values()) if (typeof found === "object") trackRunning(found, starts);
      const [probed] = await Promise.all([
        runObserveProbes(input.observeProbes, { signal }),
        board.firstAnswers(signal),
      ]);
      const lifeOfCopy = await lookOnce([...kept.values()], starts);
      return [...kept].map(([resourceId, { folder, resourceClass, found }]): Observation => {
        if (typeof found === "string")
          return unobservable({ resourceId, resourceClass }, "record_unreadable", found);
        const standing = stands(folder, found, asked.get(resourceId), lifeOfCopy);
        return { resourceId, resourceClass, standing: withProbes(standing, probed) };
      });
    },
    async apply(change, call) {
      await applyChange(deps, change, call).finally(() => supervisor.touched());
    },
    async delete(deletion, call) {
      await deleteService(deps, deletion, call).finally(() => supervisor.touched());
    },
    watch: (changed, { signal }: ProviderCall) => supervisor.watch(changed, signal),
    async close() {
      board.close();
      sockets.close();
    },
  };

  /** Everything asked for, and every folder beside. @throws AkcError when there is no looking at all */
  function lookAt(wanted: readonly Asked[]): ReadonlyMap<string, Looked> {
    const looked = new Map<string, Looked>();
    const look = (resourceId: string, resourceClass: string, folder: string) => {
      looked.set(resourceId, { folder, resourceClass, found: readable(() => store.read(resourceId)) });
    };
    for (const { resourceId, resourceClass } of wanted)
      look(resourceId, resourceClass, store.places(resourceId).folder);
    const folders = new Set([...looked.values()].map(({ folder }) => folder));
    const root = join(scopeRoot, ".akc", "services");
    for (const name of store.folders()) {
      const folder = join(root, name);
      if (folders.has(folder)) continue;
      const found = readable(() => store.readFolder(name));
      const service = typeof found === "string" ? undefined : found.service;
      if (service !== undefined)
        looked.set(service.resource_id, { folder, resourceClass: service.resource_class, found });
    }
    return looked;
  }

  /** One look at every copy. /proc shows an end a moment before the parent is told how it came; that moment is waited for. */
  async function lookOnce(looked: readonly Looked[], starts: () => Starts): Promise<LifeOfCopy> {
    const look = (record: ReplicaRecord) => lifeOf(record, starts, clock.nowMs());
    const records = looked.flatMap(({ found }) => (typeof found === "string" ? [] : found.replicas));
    const lives = new Map(records.map((record) => [record, look(record)]));
    const gone = records.filter((record) => lives.get(record)?.kind === "gone");
    await Promise.all(gone.map((record) => children.exitOf(record.service_id)));
    return (record) => lives.get(record) ?? look(record);
  }

  function trackRunning({ service, replicas }: Kept, starts: () => Starts): void {
    if (service === undefined) return;
    for (const record of replicas)
      if (lifeOf(record, starts, clock.nowMs()).kind === "alive") board.track(service.resource_id, record);
  }
}

type LifeOfCopy = (record: ReplicaRecord) => Life;

type Asked = Pick<OwnedResource, "resourceId" | "resourceClass">;

interface Looked {
  readonly folder: string;
  readonly resourceClass: string;
  /** Text: why it cannot be read. */
  readonly found: Kept | string;
}

const noProc = "this host has no /proc, or a C library that akc does not know";
const logsNotTurned = {
  type: "LogRotation",
  status: "false",
  reason: "disk_full_or_refused",
  message: "a log cannot be turned over; it grows until it can",
} as const;

function readable(read: () => Kept): Kept | string {
  try {
    return read();
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof AkcError)) throw error;
  const path = error.details["path"];
  return typeof path === "string" ? `${error.message}: ${path}` : error.message;
}

/** The documented effect: what is healthy is degraded while any of them fails. */
function withProbes(standing: Standing, probed: readonly HealthCondition[]): Standing {
  if (standing.kind !== "present" || probed.length === 0) return standing;
  const failing = probed.some(({ status }) => status === "false");
  return {
    ...standing,
    health: failing && standing.health === "healthy" ? "degraded" : standing.health,
    conditions: [...standing.conditions, ...probed],
  };
}

function unobservable({ resourceId, resourceClass }: Asked, reason: string, message: string): Observation {
  return { resourceId, resourceClass, standing: { kind: "unobservable", reason, message } };
}

/** The files are made once, when a service first needs them. */
function launcherOf({ env, cacheRoot }: ProcessProviderInput): () => Promise<Launcher> {
  let made: Promise<Launcher> | undefined;
  return () => {
    made ??= runtimeFiles(cacheRoot ?? defaultCacheRoot(env)).then((files) => ({
      executable: process.execPath,
      args: [...bunOptions, files.path("launcher.js")],
      env: bunEnvironment,
    }));
    return made;
  };
}
