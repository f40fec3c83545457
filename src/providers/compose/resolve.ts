/**
 * From the manifest to revisions: Compose is asked once for all services what it makes of the files. It touches nothing that
 * stands and needs no engine.
 *
 * Source: spec reconcile §4.6; W-02, W-20.
 */

import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { resolveConfined } from "../../system/files.ts";
import type { ToolEnd } from "../../system/tool.ts";
import type { DesiredResource, Resolution } from "../contract.ts";
import { definitionOf, servicesOf } from "./definition/service.ts";
import { composeFaultOfFile, type Docker, failedCall, lastWords } from "./docker.ts";
import { fileName, readComposeFiles, withLaidOut } from "./manifest.ts";
import { type ComposeSettings, type PinnedManifest, readServiceSettings } from "./settings.ts";
import { type ComposeFile, snapshotJson } from "./snapshot.ts";

export interface ResolveDeps {
  readonly docker: Docker;
  readonly repoRoot: string;
  readonly settings: ComposeSettings;
}

/**
 * @param manifest in front of `compose_files`; only `docker_compose_observe` does without
 * @throws AkcError DESIRED_STATE_INVALID and the codes of reading files, when no resource at all can be resolved
 */
export async function resolveServices(
  resources: readonly DesiredResource[],
  manifest: PinnedManifest | undefined,
  { docker, repoRoot, settings }: ResolveDeps,
  signal: AbortSignal,
): Promise<readonly Resolution[]> {
  const files = await readComposeFiles(repoRoot, settings, manifest);
  const config =
    files.length === 0 ? undefined : await configOf(files, { docker, repoRoot, settings }, signal);
  const services = new Map(resources.map((resource) => [resource.resourceId, serviceOf(resource, settings)]));
  return resources.map((resource): Resolution => {
    const refused = (message: string): Resolution => ({
      kind: "refused",
      resourceId: resource.resourceId,
      message,
    });
    const own = readServiceSettings(resource.settings);
    if (own.kind === "faulty") return refused(own.message);
    const service = serviceOf(resource, settings);
    const [rival] = [...services].filter(([id, other]) => other === service && id !== resource.resourceId);
    if (rival !== undefined)
      return refused(`the service ${service} is that of ${rival[0]}, too: give each its own in service_map`);
    const definition = config === undefined ? nothingDefined : definitionOf(config, service);
    if (definition === undefined) {
      const known = servicesOf(config ?? {}).join(", ");
      return refused(
        `the Compose files have no service ${service} (there is ${known || "none"}): name it in service_map`,
      );
    }
    const snapshot = snapshotJson({
      project: settings.project,
      service,
      workingDir: settings.workingDir,
      files,
      job: definition.job || own.settings.job,
      ...(own.settings.observeProbes === undefined ? {} : { observeProbes: own.settings.observeProbes }),
    });
    if (canonicalJson(snapshot).length > limits.resourceBytesMax)
      return refused(`its Compose files have more than ${limits.resourceBytesMax} bytes`);
    return {
      kind: "resolved",
      revision: {
        resourceId: resource.resourceId,
        resourceClass: resource.resourceClass,
        desiredHash: resource.desiredHash,
        dependsOn: resource.dependsOn,
        snapshot,
        fields: definition.fields,
        ...(definition.replicas === undefined ? {} : { replicas: definition.replicas }),
      },
    };
  });
}

/** Without a file only health can be told. */
const nothingDefined: {
  readonly fields: JsonObject;
  readonly replicas: number | undefined;
  readonly job: boolean;
} = { fields: {}, replicas: undefined, job: false };

function serviceOf({ resourceId, settings: own }: DesiredResource, settings: ComposeSettings): string {
  const read = readServiceSettings(own);
  const named = read.kind === "read" ? read.settings.service : undefined;
  return named ?? settings.serviceMap.get(resourceId) ?? resourceId;
}

/** What Compose makes of the files. @throws AkcError DESIRED_STATE_INVALID, PROVIDER_FAILED, TOOL_MISSING, TOOL_TIMEOUT */
async function configOf(
  files: readonly ComposeFile[],
  { docker, repoRoot, settings: { project, workingDir } }: ResolveDeps,
  signal: AbortSignal,
): Promise<JsonObject> {
  const place = await resolveConfined(repoRoot, workingDir);
  return await withLaidOut({ project, workingDir: place, files }, async ({ folder, args }) => {
    const end = await docker.run([...args, "config", "--format=json"], {
      signal,
      timeoutMs: limits.providerObserveMsMax,
    });
    if (composeFaultOfFile.has(end.exitCode)) throw notValid(end, files, folder);
    if (end.exitCode !== 0) throw failedCall("docker compose config", end, folder);
    refuseUnset(end, files);
    const config = parseJson(end.stdout);
    if (isJsonObject(config)) return config;
    throw new AkcError("PROVIDER_FAILED", {
      message: "docker compose config printed something else than an object",
      details: { tool: "docker", reason: "not_understood", retryable: false },
    });
  });
}

function notValid(end: ToolEnd, files: readonly ComposeFile[], folder: string): AkcError {
  const words = files.reduce(
    (text, { path }, index) => text.replaceAll(fileName(index), path),
    lastWords(end, folder),
  );
  return new AkcError("DESIRED_STATE_INVALID", {
    message: `Compose does not accept ${files.map(({ path }) => path).join(", ")}: ${words.split("\n").at(-1)}`,
    hint: "Mend the file, and pin it anew.",
    details: { tool: "docker", exitCode: end.exitCode, output: words },
  });
}

/** A variable that nobody sets would silently become nothing. */
function refuseUnset(end: ToolEnd, files: readonly ComposeFile[]): void {
  const names = [...end.stderr.matchAll(/The \\?"([^"\\]+)\\?" variable is not set/g)].map(
    ([, name]) => name,
  );
  if (names.length === 0) return;
  const unset = [...new Set(names)].sort();
  throw new AkcError("DESIRED_STATE_INVALID", {
    message: `${files[0]?.path ?? "the Compose file"} uses variables without a value: ${unset.join(", ")}`,
    hint: "Give each a default in the file, or hand the value to the container by env_file or secrets: nothing of akc's environment is filled in.",
    details: { variables: unset },
  });
}
