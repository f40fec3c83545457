/**
 * Holds the services of a plan against its provider and against each other. What a provider's own section holds is judged by
 * the provider, when a run starts.
 */
import type { Faults } from "../form/faults.ts";
import { meant } from "../form/faults.ts";
import type { PlanForm } from "../tables/plan.ts";
import type { ServiceForm } from "../tables/service.ts";

/** Which section of a service each provider reads. */
const sections = [
  ["process", /^process$/],
  ["systemd", /^systemd(_observe)?$/],
  ["docker_compose", /^docker_compose_(apply|observe)$/],
  ["kubernetes", /^kubernetes_(apply|observe)$/],
] as const;

const builtInKinds = [
  "in_memory",
  "process",
  "systemd",
  "systemd_observe",
  "docker_compose_apply",
  "docker_compose_observe",
  "kubernetes_apply",
  "kubernetes_observe",
];

export type Section = (typeof sections)[number][0];

/** The section that a provider reads; undefined of one that has none, or of a plugin's. */
export function sectionOf(kind: string): Section | undefined {
  return sections.find(([, kinds]) => kinds.test(kind))?.[0];
}

/** The plan's provider: the one it names, or `process` where a service has that section, as the runtime takes it. */
export function providerOf({ provider, services }: PlanForm): string | undefined {
  if (provider !== undefined) return provider.kind;
  const all = [...(services?.values() ?? [])];
  const said = all.find((service) => service.provider !== undefined)?.provider;
  return said ?? (all.some(({ process }) => process !== undefined) ? "process" : undefined);
}

export function checkServices(plan: PlanForm, names: readonly string[], faults: Faults): void {
  const services = plan.services ?? new Map<string, ServiceForm>();
  const kind = providerOf(plan);
  checkProvider(plan, kind, faults);
  for (const [id, service] of services) {
    const path = ["services", id];
    if (kind !== undefined) checkSections(service, kind, path, faults);
    for (const [index, need] of (service.needs ?? []).entries()) {
      const at = [...path, "needs", String(index)];
      if (need === id) faults.add("needs-itself", at, `the service \`${id}\` needs itself`);
      else if (!names.includes(need)) {
        const others = `; a service can only need services: ${names.join(", ")}`;
        faults.add("service-unknown", at, `there is no service \`${need}\`${meant(need, names, others)}`);
      }
    }
  }
  circles(services, faults);
  if (services.size > 0) return;
  for (const member of ["provider", "rollout"] as const)
    if (plan[member] !== undefined)
      faults.add("contradiction", [member], `\`${member}\` is about services, and the plan has none`, "key");
}

function checkProvider({ provider, services }: PlanForm, kind: string | undefined, faults: Faults): void {
  if (services === undefined || services.size === 0) return;
  if (kind === undefined) {
    faults.add(
      "provider-missing",
      ["services"],
      "`provider` must say who makes these stand, such as `provider: process`",
      "key",
    );
    return;
  }
  // The id of a plugin's provider has a slash; any other word that is not built in is a slip.
  if (!kind.includes("/") && !builtInKinds.includes(kind))
    faults.add(
      "wrong-form",
      ["provider"],
      `there is no provider \`${kind}\`${meant(kind, builtInKinds, `; there are ${builtInKinds.join(", ")}`)}`,
    );
  const pinned = kind === "docker_compose_apply" || kind === "kubernetes_apply";
  if (pinned && provider?.manifest === undefined && provider?.settings?.["apply_manifest_path"] === undefined)
    faults.add("missing", ["provider"], `\`${kind}\` needs \`manifest\`: the file that is applied`);
  if (!pinned && provider?.manifest !== undefined)
    faults.add("contradiction", ["provider", "manifest"], `\`${kind}\` applies no manifest`, "key");
}

function checkSections(service: ServiceForm, kind: string, path: readonly string[], faults: Faults): void {
  const own = sectionOf(kind);
  const mismatch = (member: string, why: string) =>
    faults.add("provider-mismatch", [...path, member], `${why}; the plan's provider is \`${kind}\``, "key");
  if (service.provider !== undefined && service.provider !== kind)
    mismatch("provider", `the service wants provider \`${service.provider}\``);
  for (const [section] of sections)
    if (service[section] !== undefined && section !== own)
      mismatch(section, `\`${section}\` speaks to another provider`);
  if (kind === "process" && service.process === undefined)
    faults.add("missing", path, "a service of provider `process` needs `process` with a `command`", "key");
  if (own !== "process")
    for (const member of ["replicas", "health"] as const)
      if (service[member] !== undefined)
        mismatch(member, `\`${member}\` is said to provider \`process\` only`);
  const { health } = service;
  if (health === undefined) return;
  const ways = (["http", "tcp", "exec"] as const).filter((way) => health[way] !== undefined);
  if (ways.length !== 1)
    faults.add("contradiction", [...path, "health"], "has exactly one of `http`, `tcp` and `exec`");
  for (const [member, section] of [
    ["health", "readiness"],
    ["replicas", "replicas"],
  ] as const)
    if (service[member] !== undefined && service.process?.[section] !== undefined)
      faults.add(
        "contradiction",
        [...path, member],
        `\`${member}\` and \`process.${section}\` say the same thing twice`,
        "key",
      );
}

function circles(services: ReadonlyMap<string, ServiceForm>, faults: Faults): void {
  const needs = new Map(
    [...services].map(([id, { needs: own = [] }]) => [
      id,
      new Set(own.filter((need) => need !== id && services.has(need))),
    ]),
  );
  for (let free = [...needs].filter(([, open]) => open.size === 0); free.length > 0; ) {
    for (const [id] of free) needs.delete(id);
    for (const open of needs.values()) for (const [id] of free) open.delete(id);
    free = [...needs].filter(([, open]) => open.size === 0);
  }
  const [stuck] = needs.keys();
  if (stuck !== undefined)
    faults.add(
      "cycle",
      ["services", stuck, "needs"],
      `these services need each other in a circle, or need one that does: ${[...needs.keys()].join(", ")}`,
    );
}
