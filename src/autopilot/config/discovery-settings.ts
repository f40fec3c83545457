/**
 * Where scopes come from. A registry, a tenant and "whatever is there" exclude each other: of these the one that the higher place names
 * counts, and a lone repository is refused instead of being taken for all (cli:W-24).
 *
 * Source: spec cli §14.4.
 */
import type { Layers, Source } from "./layers.ts";
import type { Discovery } from "./model.ts";
import type { AutopilotFile } from "./schema.ts";
import { pathText } from "./texts.ts";
import { Identifier } from "./words.ts";

export interface DiscoveryGround {
  readonly cwd: string;
  inFile(path: string): string;
  readonly project: { readonly tenantId?: string | undefined; readonly repoId?: string | undefined };
}

const rank: readonly Source["kind"][] = ["default", "profile", "project", "file", "environment", "flag"];

export function discoverySettings(layers: Layers<AutopilotFile>, ground: DiscoveryGround): Discovery {
  const ways = {
    registry: {
      text: pathText(ground.cwd),
      of: ({ scopes }: AutopilotFile) =>
        scopes?.registry === undefined ? undefined : ground.inFile(scopes.registry),
    },
    tenant: {
      text: Identifier,
      of: ({ scopes }: AutopilotFile) => scopes?.tenant,
      project: ground.project.tenantId,
    },
    repo: {
      text: Identifier,
      of: ({ scopes }: AutopilotFile) => scopes?.repo,
      project: ground.project.repoId,
    },
    discover: { of: ({ scopes }: AutopilotFile) => scopes?.discover },
  };
  const height = (key: keyof typeof ways) => {
    const source = layers.placeOf(`scopes.${key}`, ways[key]);
    return source === undefined ? -1 : rank.indexOf(source.kind);
  };
  const hints = Math.max(height("tenant"), height("repo"));
  // At the same height the registry counts, as documented.
  if (height("registry") >= Math.max(hints, height("discover"), 0)) {
    const path = layers.maybe("scopes.registry", ways.registry);
    if (hints >= 0)
      layers.note("scopes.registry counts: the tenant and the repository that are named have no effect");
    return path === undefined ? { kind: "all" } : { kind: "registry", path };
  }
  if (height("discover") >= Math.max(hints, 0)) {
    layers.value("scopes.discover", ways.discover, { value: true });
    return { kind: "all" };
  }
  const repoPlace = layers.placeOf("scopes.repo", ways.repo);
  const tenantId = layers.maybe("scopes.tenant", ways.tenant);
  const repoId = layers.maybe("scopes.repo", ways.repo);
  if (tenantId !== undefined) {
    return repoId === undefined ? { kind: "tenant", tenantId } : { kind: "one", scope: { tenantId, repoId } };
  }
  if (repoPlace !== undefined && layers.placeOf("scopes.tenant", ways.tenant) === undefined) {
    layers.fault(repoPlace.name, "names a repository of no tenant: name its tenant as well");
  }
  if (repoPlace === undefined) layers.value("scopes.discover", ways.discover, { value: true });
  return { kind: "all" };
}
