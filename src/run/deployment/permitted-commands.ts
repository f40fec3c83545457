/**
 * Services run programs, so the operator's list of programs holds for them as for actions: what is not on it is refused when the
 * resource is resolved, before anything is started.
 *
 * Source: spec bundle §14.5; docs/policy.md.
 */
import { listAt, objectAt } from "../../bundle/member.ts";
import type { DesiredResource, Provider, Resolution } from "../../providers/contract.ts";
import { findExecutable } from "../../system/executable.ts";

/** @param operatorPaths absolute paths of what may be started; absent does not narrow */
export function onlyPermitted(provider: Provider, operatorPaths: readonly string[] | undefined): Provider {
  if (operatorPaths === undefined) return provider;
  const permitted = new Set(operatorPaths);
  const { id, capabilities } = provider;
  return {
    id,
    capabilities,
    async resolve(resources, call) {
      const refused = resources.flatMap((resource) => refusalOf(resource, permitted) ?? []);
      const out = new Set(refused.map(({ resourceId }) => resourceId));
      const others = resources.filter(({ resourceId }) => !out.has(resourceId));
      return [...refused, ...(await provider.resolve(others, call))];
    },
    observe: (revisions, owned, call) => provider.observe(revisions, owned, call),
    apply: (change, call) => provider.apply(change, call),
    delete: (deletion, call) => provider.delete(deletion, call),
    ...(provider.watch === undefined
      ? {}
      : { watch: (changed, call) => provider.watch?.(changed, call) ?? Promise.resolve() }),
    close: () => provider.close(),
  };
}

function refusalOf(
  { resourceId, settings }: DesiredResource,
  permitted: ReadonlySet<string>,
): Extract<Resolution, { kind: "refused" }> | undefined {
  const service = objectAt(settings, "process");
  const programs = [service, objectAt(service, "readiness"), objectAt(service, "liveness")]
    .map((one) => listAt(one, "command")[0])
    .filter((program) => typeof program === "string");
  const program = programs.find((name) => !isPermitted(name, permitted));
  if (program === undefined) return undefined;
  return { kind: "refused", resourceId, message: `the operator's policy does not let ${program} be started` };
}

/** The operator means the file, by whatever name the bundle reaches it. */
function isPermitted(program: string, permitted: ReadonlySet<string>): boolean {
  const place = findExecutable(program);
  return place.kind === "found" && [place.real, ...place.foundAs].some((path) => permitted.has(path));
}
