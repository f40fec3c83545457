/**
 * Brings a bundle's coordination in: finds the spec, verifies that it is the one the bundle was made with and that it
 * belongs to the bundle's scope, orders it, and reads the orchestration beside it. Runs nothing and resolves no node.
 *
 * Source: spec kernel §12.1; spec bundle §6.5; bundle:W-10, bundle:W-11, bundle:W-32.
 */
import type { CoordinationPlan, CoordinationSpec, Orchestration } from "../coordination/model.ts";
import { checkReferences, parseOrchestration } from "../coordination/orchestration.ts";
import { parseCoordination } from "../coordination/parse.ts";
import type { StepPlaces } from "../coordination/resolve.ts";
import { schedule } from "../coordination/schedule.ts";
import { AkcError, type Issue } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { type BundleSource, bundleFolder } from "./files.ts";
import { isIdentifier, isRoleName, pathInRepo, roleNameWants } from "./identifier.ts";
import { member, objectAt, textAt } from "./member.ts";
import { readDocument } from "./read-document.ts";
import { placedAt } from "./shape/rule.ts";
import { judgeCoordination } from "./validate.ts";

/** A spec that was verified, with its order. */
export interface CoordinationHandoff {
  readonly spec: CoordinationSpec;
  readonly sha256: string;
  readonly plan: CoordinationPlan;
  readonly orchestration?: Orchestration;
  readonly orchestrationSha256?: string;
  /** Of a spec that was judged here; those of an inline spec belong to the bundle's own. */
  readonly warnings: readonly Issue[];
  /** Where the spec's steps stand, and where their nodes are named, for errors about them. */
  readonly places: StepPlaces;
}

/** The hash that stands for "none was made". */
const noneMade = "0".repeat(64);

/**
 * Coordination alone, for showing its plan: the rest of the bundle, its schema included, is not judged.
 * @returns `coordination: null` when the bundle has none
 * @throws AkcError BUNDLE_NOT_OBJECT, or as `loadCoordination`
 */
export async function loadCoordinationOnly(
  source: BundleSource,
): Promise<{ readonly coordination: CoordinationHandoff | null }> {
  const document = readDocument(source);
  if (!isJsonObject(document)) throw new AkcError("BUNDLE_NOT_OBJECT");
  return { coordination: (await loadCoordination(document, source, { strict: false })) ?? null };
}

/**
 * @param strict also refuses what the parser reads leniently (kernel:W-30); a run needs that, a picture does not. An
 *   inline spec has been judged with its bundle
 * @throws AkcError COORDINATION_INVALID, COORDINATION_CYCLE, COORDINATION_FILE_MISSING, COORDINATION_HASH_MISMATCH,
 *   ORCHESTRATION_HASH_MISMATCH, BUNDLE_SCOPE_MISMATCH, PATH_UNSAFE, or a code of the JSON reader
 */
export async function loadCoordination(
  document: JsonObject,
  source: BundleSource,
  { strict }: { readonly strict: boolean },
): Promise<CoordinationHandoff | undefined> {
  const found = await findSpec(document, source);
  if (found === undefined) return undefined;
  const { value, sha256 } = found;
  const judged =
    strict && found.file !== undefined ? judgeCoordination(value, "") : { issues: [], warnings: [] };
  refuse(judged.issues, found, "is not valid");
  const spec = parseCoordination(value);
  checkScope(
    document,
    { tenant_id: spec.scope.tenantId, repo_id: spec.scope.repoId, run_id: spec.runId },
    "coordination spec",
  );
  const runId = textAt(document, "run_id") ?? spec.runId;
  const beside = await findOrchestration(document, source, runId);
  const orchestration = beside === undefined ? undefined : parseOrchestration(beside.value);
  if (orchestration !== undefined) {
    refuse(checkReferences(spec, orchestration), found, "names steps that the orchestration file lacks");
  }
  if (strict) {
    refuse(specRoleIssues(spec), found, "has a role whose name cannot be the name of a folder");
    if (beside !== undefined && orchestration !== undefined) {
      refuse(stepRoleIssues(orchestration), beside, "has a role whose name cannot be the name of a folder");
    }
  }
  const plan = schedule(spec);
  return {
    spec,
    sha256,
    plan,
    warnings: judged.warnings,
    places: placesOf(spec, found, source, runId),
    ...(orchestration === undefined ? {} : { orchestration }),
    ...(beside === undefined ? {} : { orchestrationSha256: beside.sha256 }),
  };
}

function placesOf(
  spec: CoordinationSpec,
  { base, file }: Verified,
  { repoRoot }: BundleSource,
  runId: string,
): StepPlaces {
  return {
    nodes: spec.nodes,
    base,
    ...(file === undefined ? {} : { specFile: `${repoRoot}/${file}` }),
    ...(isIdentifier(runId) ? { orchestrationFile: `${repoRoot}/${orchestrationPath(runId)}` } : {}),
  };
}

/** Relative to the repository root. */
function orchestrationPath(runId: string): string {
  return `.akc/orchestration/${runId}.orchestration.json`;
}

interface Verified {
  readonly value: JsonValue;
  readonly sha256: string;
  /** JSON pointer of the value in its file: not empty when the bundle itself holds it. */
  readonly base: string;
  /** Relative to the repository root; absent when the bundle itself holds it. */
  readonly file?: string;
}

async function findSpec(document: JsonObject, source: BundleSource): Promise<Verified | undefined> {
  const inline = member(document, "coordination_spec");
  const ref = objectAt(document, "coordination_ref");
  const path = textAt(ref, "path");
  if (isJsonObject(inline)) {
    const sha256 = fingerprint(inline);
    // An inline spec wins, but not over a reference that pins another one.
    checkPinned(
      textAt(ref, "fingerprint"),
      sha256,
      "coordination_ref.fingerprint",
      "the inline coordination spec",
    );
    checkPinned(specHash(document), sha256, "coordination_spec_sha256", "the inline coordination spec");
    return { value: inline, sha256, base: "/coordination_spec" };
  }
  if (path === undefined) return undefined;
  const relative = pathInRepo(path, bundleFolder(source));
  const value = await source.files.read(relative);
  if (value === undefined) {
    throw new AkcError("COORDINATION_FILE_MISSING", {
      message: `coordination_ref path '${path}' resolved to missing file ${relative}`,
      details: { path: relative },
    });
  }
  if (!isJsonObject(value)) {
    throw new AkcError("COORDINATION_INVALID", { message: "coordination file must decode to a JSON object" });
  }
  const sha256 = fingerprint(value);
  const declared = textAt(ref, "fingerprint");
  if (declared === undefined) {
    throw new AkcError("COORDINATION_HASH_MISMATCH", {
      message: "coordination_ref has no fingerprint, so nothing says that the file is the right one",
      hint: `Put "fingerprint": "${sha256}" beside its path if this is the file that is meant.`,
    });
  }
  checkPinned(declared, sha256, "coordination_ref.fingerprint", "the coordination file");
  checkPinned(specHash(document), sha256, "coordination_spec_sha256", "the loaded coordination JSON");
  return { value, sha256, base: "", file: relative };
}

function specHash(document: JsonObject): string | undefined {
  return textAt(objectAt(document, "spec_hashes"), "coordination_spec_sha256");
}

function checkPinned(declared: string | undefined, actual: string, name: string, what: string): void {
  if (declared === undefined || declared.toLowerCase() === actual) return;
  throw new AkcError("COORDINATION_HASH_MISMATCH", {
    message: `${name} does not match ${what} (declared '${declared}', got '${actual}')`,
    details: { declared, actual },
  });
}

async function findOrchestration(
  document: JsonObject,
  source: BundleSource,
  runId: string,
): Promise<Verified | undefined> {
  // A run id that cannot be a file's name has no file; where the bundle's schema is judged, it was refused before.
  if (!isIdentifier(runId)) return undefined;
  const path = orchestrationPath(runId);
  const inline = member(document, "orchestration_spec");
  // An addition of akc: a bundle that brings its orchestration along needs no file beside it, and none counts.
  const value = isJsonObject(inline) ? inline : await source.files.read(path);
  if (value === undefined) return undefined;
  const sha256 = fingerprint(value);
  const declared = textAt(objectAt(document, "spec_hashes"), "orchestration_spec_sha256")?.toLowerCase();
  if (declared !== undefined && declared !== sha256) {
    const none = declared === noneMade;
    throw new AkcError("ORCHESTRATION_HASH_MISMATCH", {
      ...(none ? { message: "there is an orchestration file, but the bundle was made without one" } : {}),
      details: { ...(isJsonObject(inline) ? {} : { path }), declared, actual: sha256 },
    });
  }
  if (isJsonObject(value)) {
    const ids = ["tenant_id", "repo_id", "run_id"].map((key) => [key, textAt(value, key)] as const);
    checkScope(document, Object.fromEntries(ids), "orchestration file");
  }
  return isJsonObject(inline)
    ? { value, sha256, base: "/orchestration_spec" }
    : { value, sha256, base: "", file: path };
}

/** Ids that either side leaves out are not compared. The other scope's ids are not repeated: they are not ours to show. */
function checkScope(
  document: JsonObject,
  ids: Readonly<Record<string, string | undefined>>,
  what: string,
): void {
  for (const [key, id] of Object.entries(ids)) {
    const own = textAt(document, key);
    if (own === undefined || id === undefined || own === id) continue;
    throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
      message: `the ${what} belongs to another ${key.replace("_id", "")} than the bundle`,
      details: { key, bundle: own },
    });
  }
}

function specRoleIssues(spec: CoordinationSpec): Issue[] {
  const named = spec.bindings.map(
    ({ roleName }, index) => [roleName, `/orchestration_bindings/${index}/role_name`] as const,
  );
  const profiled = [...(spec.governance?.roleProfiles.keys() ?? [])].map(
    (name) => [name, "/governance/role_profiles"] as const,
  );
  return roleIssues([...named, ...profiled]);
}

function stepRoleIssues(orchestration: Orchestration): Issue[] {
  const steps = [...orchestration.steps.values()];
  return roleIssues(steps.flatMap(({ role }) => (role === undefined ? [] : [[role, "/steps"] as const])));
}

function roleIssues(names: readonly (readonly [name: string, path: string])[]): Issue[] {
  return names
    .filter(([name]) => !isRoleName(name))
    .map(([name, path]) => ({ path, message: `${JSON.stringify(name)} ${roleNameWants}` }));
}

/** Fails with all issues, placed where their file is: in the bundle, or in a file that the details name. */
function refuse(issues: readonly Issue[], { base, file }: Verified, what: string): void {
  const first = issues[0];
  if (first === undefined) return;
  const subject = file === undefined ? "the coordination spec" : file;
  throw new AkcError("COORDINATION_INVALID", {
    message: issues.length === 1 ? first.message : `${subject} ${what}`,
    details: file === undefined ? {} : { path: file },
    issues: issues.map((issue) => placedAt(base, issue)),
  });
}
