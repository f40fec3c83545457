/**
 * The Docker Compose provider: one service of one project for each resource. It decides nothing: it says what the manifest wants
 * and what stands, and changes a service when it is told to.
 *
 * Source: spec reconcile §4.4, §4.6, §4.9; W-02, W-17, W-18, W-19, W-20. Documented in docs/provider-compose.md.
 */
import { textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type {
  Change,
  Deletion,
  DesiredResource,
  DocumentedDeps,
  HealthCondition,
  Observation,
  OwnedResource,
  Provider,
  ProviderCall,
  ProviderCapability,
  Resolution,
  Revision,
  Standing,
} from "../contract.ts";
import { observedHash } from "../observed-hash.ts";
import { applyChange, deleteService } from "./change.ts";
import { Docker } from "./docker.ts";
import { look } from "./look.ts";
import { labels } from "./marks.ts";
import { resolveServices } from "./resolve.ts";
import { type ComposeSettings, readComposeSettings } from "./settings.ts";
import { readSnapshot } from "./snapshot.ts";
import type { Container, Inspected } from "./standing/containers.ts";
import { composeObservedBody } from "./standing/observed-body.ts";
import { bearsMark, type ServiceStanding, type Sought, standingOf } from "./standing/standing.ts";

/** What it has stored is `rollback_apply_manifest_by_desired_hash`. */
export type ComposeProvider = Provider & Required<Pick<Provider, "resolveStored">>;

const capabilities: Readonly<Record<ComposeSettings["kind"], readonly ProviderCapability[]>> = {
  docker_compose_apply: ["observe", "apply", "delete", "diff", "rollback"],
  docker_compose_observe: ["observe"],
};

/** @param settings `deployment_provider` of the bundle. @throws AkcError DESIRED_STATE_INVALID */
export function createComposeProvider(settings: JsonObject, deps: DocumentedDeps): ComposeProvider {
  return new Compose(readComposeSettings(settings), deps);
}

class Compose implements ComposeProvider {
  readonly id: string;
  readonly capabilities: ReadonlySet<ProviderCapability>;
  readonly #settings: ComposeSettings;
  readonly #deps: DocumentedDeps;
  readonly #docker: Docker;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: ComposeSettings, deps: DocumentedDeps) {
    this.id = settings.kind;
    this.capabilities = new Set(capabilities[settings.kind]);
    this.#settings = settings;
    this.#deps = deps;
    this.#docker = new Docker(deps.env);
  }

  async resolve(
    resources: readonly DesiredResource[],
    { signal }: ProviderCall,
  ): Promise<readonly Resolution[]> {
    return await resolveServices(resources, this.#settings.manifest, this.#resolveDeps, signal);
  }

  async resolveStored(
    resource: DesiredResource,
    desiredHash: string,
    { signal }: ProviderCall,
  ): Promise<Resolution | undefined> {
    const manifest = this.#settings.rollbackManifests.get(desiredHash.toLowerCase());
    if (manifest === undefined) return undefined;
    const [stored] = await resolveServices(
      [{ ...resource, desiredHash }],
      manifest,
      this.#resolveDeps,
      signal,
    );
    return stored;
  }

  async observe(
    revisions: readonly Revision[],
    owned: readonly OwnedResource[],
    call: ProviderCall,
  ): Promise<readonly Observation[]> {
    const asked = this.#asked(revisions, owned);
    let seen: Inspected;
    try {
      const projects = new Set([this.#settings.project, ...asked.map(({ sought }) => sought.project)]);
      seen = await look(this.#docker, projects, {
        signal: call.signal,
        timeoutMs: limits.providerObserveMsMax,
      });
    } catch (cause) {
      const standing = unobservable(cause, call.signal);
      return asked.map(({ sought, resourceClass }) => ({
        resourceId: sought.resourceId,
        resourceClass,
        standing,
      }));
    }
    const { scope } = this.#deps;
    const probed = await this.#probe(asked, call);
    const orphans = this.#orphans(
      seen,
      asked.map(({ sought }) => sought.resourceId),
    );
    return [...asked, ...orphans].map(({ sought, resourceClass, probes }) => {
      const { standing, comparable, containers } = standingOf(scope, sought, seen, probed.get(probes));
      const { resourceId } = sought;
      const hash = this.#observedHash(resourceId, standing, containers);
      return {
        resourceId,
        resourceClass,
        ...(comparable === undefined ? {} : { wanted: comparable }),
        standing: hash === undefined ? standing : { ...standing, observedHash: hash },
      };
    });
  }

  async apply(change: Change, { signal }: ProviderCall): Promise<void> {
    this.#refuseWatching();
    await this.#inTurn(() => applyChange(change, this.#changeDeps, signal));
  }

  async delete(deletion: Deletion, { signal }: ProviderCall): Promise<void> {
    this.#refuseWatching();
    await this.#inTurn(() => deleteService(deletion, this.#settings.project, this.#changeDeps, signal));
  }

  async close(): Promise<void> {
    await this.#turn;
  }

  get #resolveDeps() {
    return { docker: this.#docker, repoRoot: this.#deps.repoRoot, settings: this.#settings };
  }

  get #changeDeps() {
    const { repoRoot, scope, clock } = this.#deps;
    return { docker: this.#docker, repoRoot, scope, clock };
  }

  /** Two commands at once on one project make its network twice. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    await mine;
  }

  #refuseWatching(): void {
    if (this.capabilities.has("apply")) return;
    throw new AkcError("PROVIDER_FAILED", {
      message: `${this.id} only observes`,
      details: { retryable: false, reason: "observe_only" },
    });
  }

  #asked(revisions: readonly Revision[], owned: readonly OwnedResource[]): readonly Asked[] {
    const wanted = new Set(revisions.map(({ resourceId }) => resourceId));
    const leaving = owned.filter(({ resourceId }) => !wanted.has(resourceId));
    return [
      ...revisions.map((revision) => this.#askedOf(revision)),
      ...leaving.map(({ resourceId, resourceClass, handle }): Asked => {
        const project = textAt(handle, "project") ?? this.#settings.project;
        return { sought: { resourceId, project, job: false }, resourceClass, probes: noProbes };
      }),
    ];
  }

  #askedOf({ resourceId, resourceClass, snapshot, desiredHash, fields, replicas }: Revision): Asked {
    const { project, service, job, observeProbes } = readSnapshot(snapshot);
    return {
      sought: { resourceId, project, service, job, wanted: { desiredHash, fields, replicas } },
      resourceClass,
      probes: observeProbes ?? this.#settings.observeProbes,
    };
  }

  #observedHash(
    resourceId: string,
    standing: ServiceStanding,
    containers: readonly Container[],
  ): string | undefined {
    if (standing.kind === "absent") return undefined;
    const body = composeObservedBody(textAt(standing.handle, "service") ?? "", containers);
    return body && observedHash(resourceId, body, this.#deps.observeHashContract);
  }

  /** What bears the scope's mark in this project, and nobody asked about. */
  #orphans({ containers }: Inspected, asked: readonly string[]): readonly Asked[] {
    const { project } = this.#settings;
    const known = new Set(asked);
    const orphans = new Map<string, Asked>();
    for (const container of containers) {
      const resourceId = container.labels[labels.resource];
      if (resourceId === undefined || known.has(resourceId) || container.project !== project) continue;
      if (!bearsMark(container, this.#deps.scope)) continue;
      const resourceClass = container.labels[labels.resourceClass] ?? "service";
      orphans.set(resourceId, {
        sought: { resourceId, project, job: false },
        resourceClass,
        probes: noProbes,
      });
    }
    return [...orphans.values()];
  }

  /** Every list of probes once a look, whoever shares it. */
  async #probe(asked: readonly Asked[], call: ProviderCall): Promise<ReadonlyMap<Probes, Conditions>> {
    const { probe } = this.#deps;
    const lists = [...new Set(asked.map(({ probes }) => probes))].filter((rows) => rows.length > 0);
    if (probe === undefined) return new Map();
    return new Map(await Promise.all(lists.map(async (rows) => [rows, await probe(rows, call)] as const)));
  }
}

type Probes = readonly JsonObject[];
type Conditions = readonly HealthCondition[];

interface Asked {
  readonly sought: Sought;
  readonly resourceClass: string;
  readonly probes: Probes;
}

const noProbes: Probes = [];

/** @throws what is no fault of the engine's: a cancelled call, a bug */
function unobservable(cause: unknown, signal: AbortSignal): Standing {
  if (!(cause instanceof AkcError) || cause.code === "INTERNAL") throw cause;
  if (cause.code === "CANCELLED") {
    const isLate = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
    if (!isLate) throw cause;
    return { kind: "unobservable", reason: "timeout", message: "docker did not answer in time" };
  }
  const told = cause.details["reason"];
  const reasons: Readonly<Record<string, string>> = { TOOL_TIMEOUT: "timeout", TOOL_MISSING: "tool_missing" };
  return {
    kind: "unobservable",
    reason: reasons[cause.code] ?? (typeof told === "string" ? told : "failed"),
    message: cause.message,
  };
}
