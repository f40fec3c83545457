/**
 * One look at the engine: at most two commands, however many services there are. What cannot be read is an error, never an
 * absence.
 *
 * Source: W-20.
 */
import type { Docker } from "./docker.ts";
import { failedCall, saysOnlyGone } from "./docker.ts";
import { type Inspected, listFormat, readInspect, readList } from "./standing/containers.ts";

const nothing: Inspected = { containers: [], images: new Map() };

/**
 * The containers of `projects`, and what their images say by themselves.
 * @throws AkcError PROVIDER_FAILED (`details.reason`), TOOL_MISSING, TOOL_TIMEOUT, CANCELLED
 */
export async function look(
  docker: Docker,
  projects: ReadonlySet<string>,
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Inspected> {
  const listing = await docker.run(["ps", "--all", "--no-trunc", `--format=${listFormat}`], call);
  if (listing.exitCode !== 0) throw failedCall("docker ps", listing);
  const ours = readList(listing.stdout).filter(({ project }) => projects.has(project));
  if (ours.length === 0) return nothing;
  const ids = new Set(ours.map(({ id }) => id));
  const images = new Set(ours.map(({ image }) => image).filter((image) => image !== "" && !ids.has(image)));
  const inspection = await docker.run(["inspect", "--format={{json .}}", "--", ...ids, ...images], call);
  // What went away in between is gone, and an image may have been removed while its container runs.
  if (!saysOnlyGone(inspection)) throw failedCall("docker inspect", inspection);
  const found = readInspect(inspection.stdout);
  return { ...found, containers: found.containers.filter(({ id }) => ids.has(id)) };
}
