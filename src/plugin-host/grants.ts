/**
 * What a plugin is granted: what its manifest asks for, as far as the operator grants it, as far as the bundle's policy
 * reaches. Pure; it never gives more than any of the three, and says for everything that it takes away who said so.
 */
import { executableAllowed } from "../policy/executables.ts";
import type { OperatorPolicy, PluginGrant, PolicyAction, RunPolicy } from "../policy/model.ts";
import { type Granted, type PermissionName, type PluginManifest, permissionNames } from "./contract.ts";
import { parseNetGrant } from "./net-grant.ts";

export interface GrantRefusal {
  readonly permission: PermissionName;
  /** As the manifest writes it. */
  readonly asked: string;
  /** What is left of it; empty when nothing is. */
  readonly left: readonly string[];
  readonly by: "operator" | "bundle";
  readonly why: string;
}

export interface Grants extends Granted {
  readonly refusals: readonly GrantRefusal[];
}

/** What of a run's policy bears on plugins. */
export type BundlePolicy = Pick<RunPolicy, "allow" | "allowNetwork" | "http" | "subprocess">;

export interface GrantOptions {
  /** One that akc brings along gets what it asks for where the operator says nothing about it. */
  readonly embedded?: boolean;
}

/** @param bundle absent where there is no bundle: it then takes nothing away */
export function grantsOf(
  { id, permissions }: Pick<PluginManifest, "id" | "permissions">,
  operator: OperatorPolicy | undefined,
  bundle?: BundlePolicy,
  { embedded = false }: GrantOptions = {},
): Grants {
  const entry = operator?.plugins?.grants?.get(id);
  const refusals: GrantRefusal[] = [];
  const bound: Bound = { id, entry, operator, bundle, trusted: embedded && entry === undefined };
  const granted = (permission: PermissionName) =>
    distinct(permissions[permission].flatMap((asked) => oneGrant(permission, asked, bound, refusals)));
  return {
    net: granted("net"),
    read: granted("read"),
    write: granted("write"),
    run: granted("run"),
    env: granted("env"),
    secrets: granted("secrets"),
    ...(bundle !== undefined && !bundle.allowNetwork ? { requestsOnly: true } : {}),
    containment: operator?.plugins?.containment ?? "landlock",
    refusals,
  };
}

/** The operator's entry that would grant all that is asked for, as the lines of a YAML file. */
export function grantLines({
  id,
  permissions,
}: Pick<PluginManifest, "id" | "permissions">): readonly string[] {
  const lists = permissionNames
    .filter((name) => permissions[name].length > 0)
    .map(
      (name) => `      ${name}: ${JSON.stringify(permissions[name].map((asked) => grantable(name, asked)))}`,
    );
  return lists.length === 0 ? [] : ["plugins:", "  grants:", `    ${id}:`, ...lists];
}

/** The operator grants executables by path; where a name leads is for him to say. */
function grantable(permission: PermissionName, asked: string): string {
  return permission === "run" && !asked.includes("/") ? `/usr/bin/${asked}` : asked;
}

interface Bound {
  readonly id: string;
  readonly entry: PluginGrant | undefined;
  readonly operator: OperatorPolicy | undefined;
  readonly bundle: BundlePolicy | undefined;
  /** Whether the operator's silence about it means yes. */
  readonly trusted: boolean;
}

function oneGrant(
  permission: PermissionName,
  asked: string,
  bound: Bound,
  refusals: GrantRefusal[],
): readonly string[] {
  const byOperator = bound.trusted
    ? [asked]
    : intersectionOf(permission, asked, bound.entry?.[permission] ?? []);
  const listed = permission === "run" ? startable(byOperator, bound.operator) : byOperator;
  if (listed.length === 0 || !isWhole(permission, asked, listed)) {
    refusals.push({
      permission,
      asked,
      left: listed,
      by: "operator",
      why: operatorWhy(permission, byOperator, bound),
    });
  }
  const left = listed.filter((item) => bundlePermits(permission, asked, item, bound.bundle));
  if (left.length < listed.length) {
    refusals.push({ permission, asked, left, by: "bundle", why: bundleWhy(permission) });
  }
  return left;
}

/** What is in both: an item of the manifest's, and a list of the operator's. */
function intersectionOf(
  permission: PermissionName,
  asked: string,
  granted: readonly string[],
): readonly string[] {
  const meet = meetOf[permission];
  return distinct(granted.flatMap((other) => meet(asked, other) ?? []));
}

const meetOf: Readonly<Record<PermissionName, (asked: string, granted: string) => string | undefined>> = {
  net: meetOfNets,
  read: meetOfPaths,
  write: meetOfPaths,
  run: (asked, path) =>
    asked === path || (!asked.includes("/") && path.endsWith(`/${asked}`)) ? path : undefined,
  env: same,
  secrets: same,
};

function same(asked: string, granted: string): string | undefined {
  return asked === granted ? asked : undefined;
}

/** The deeper of two paths of which one holds the other. */
function meetOfPaths(a: string, b: string): string | undefined {
  if (isWithin(a, b)) return a;
  return isWithin(b, a) ? b : undefined;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

function meetOfNets(a: string, b: string): string | undefined {
  const [one, other] = [parseNetGrant(a), parseNetGrant(b)];
  if (one === undefined || other === undefined) return undefined;
  const host = covers(other.host, one.host)
    ? one.host
    : covers(one.host, other.host)
      ? other.host
      : undefined;
  const port =
    other.port === "*" ? one.port : one.port === "*" || one.port === other.port ? other.port : undefined;
  if (host === undefined || port === undefined) return undefined;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Whether every host that `narrow` means is one that `wide` means. */
function covers(wide: string, narrow: string): boolean {
  return wide === "*" || wide === narrow || (wide.startsWith("*.") && narrow.endsWith(wide.slice(1)));
}

/** The operator's list of executables holds for whatever starts one. */
function startable(paths: readonly string[], operator: OperatorPolicy | undefined): readonly string[] {
  const listed = operator?.subprocess;
  return listed === undefined ? paths : paths.filter((path) => listed.includes(path));
}

function isWhole(permission: PermissionName, asked: string, granted: readonly string[]): boolean {
  if (permission === "run" && !asked.includes("/")) return granted.length > 0;
  return granted.includes(permission === "net" ? (meetOfNets(asked, asked) ?? asked) : asked);
}

function bundlePermits(
  permission: PermissionName,
  asked: string,
  item: string,
  bundle: BundlePolicy | undefined,
): boolean {
  if (bundle === undefined) return true;
  const may = (action: PolicyAction) => bundle.allow.has(action);
  switch (permission) {
    case "net":
      return may("runtime.action.execute.http") && (bundle.allowNetwork || bundle.http.enabled);
    case "run":
      return (
        may("runtime.action.execute.subprocess") && executableAllowed(asked, item, bundle.subprocess).allowed
      );
    default:
      return true;
  }
}

function operatorWhy(permission: PermissionName, granted: readonly string[], { id, entry }: Bound): string {
  if (granted.length > 0 && permission === "run")
    return "`subprocess` of the operator's policy does not list it";
  if (entry === undefined) return `the operator's policy has no \`plugins.grants\` for ${id}`;
  return `\`plugins.grants.${id}.${permission}\` of the operator's policy reaches less far`;
}

function bundleWhy(permission: PermissionName): string {
  return permission === "net"
    ? "the bundle's policy permits no network"
    : "the bundle's policy does not permit this executable";
}

function distinct(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
