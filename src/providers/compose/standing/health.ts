/**
 * How well a service stands, judged by all its containers, and the conditions that say why. Pure; looks at no clock, so an age
 * never changes a verdict.
 *
 * Source: spec reconcile §4.6; W-17. A container that is restarted again and again counts as degraded, where the documented
 * mapping says unknown: the permissive gate would let it pass.
 */
import { limits } from "../../../limits.ts";
import type { Copies, Health, HealthCondition } from "../../contract.ts";
import type { Container } from "./containers.ts";

export interface ContainerHealth {
  readonly health: Health;
  /** Few words, e.g. `exited with code 1`. */
  readonly why: string;
}

/** @param job runs once and ends: its exit with code 0 is what is wanted */
export function containerHealth(container: Container, job: boolean): ContainerHealth {
  const { status, health, exitCode, startError, oomKilled, restarts } = container;
  switch (status) {
    case "running":
      if (health === "unhealthy") return { health: "degraded", why: "its health check fails" };
      if (health === "starting") return { health: "unknown", why: "its health check has not passed yet" };
      return { health: "healthy", why: "running" };
    case "exited":
      if (oomKilled) return { health: "failed", why: "it was killed for its memory" };
      if (exitCode === 0 && job) return { health: "healthy", why: "done" };
      return { health: "failed", why: `exited with code ${exitCode}` };
    case "restarting":
      return { health: "degraded", why: `restarting after code ${exitCode}, ${restarts} times so far` };
    case "created":
      if (startError === "") return { health: "unknown", why: "not started yet" };
      return {
        health: "failed",
        why: `it cannot be started: ${startError.slice(0, limits.containerStateCharsMax)}`,
      };
    case "dead":
    case "removing":
      return { health: "failed", why: status };
    default:
      return { health: "unknown", why: status };
  }
}

export interface ServiceHealth {
  readonly health: Health;
  readonly message?: string;
}

/**
 * Failed when nothing of it may be used and something has failed; degraded when some of its copies may not be used or are
 * missing; unknown while that is still open.
 */
export function serviceHealth(
  containers: readonly Container[],
  job: boolean,
  replicas: number | undefined,
): ServiceHealth {
  const judged = containers.map((container) => ({ container, ...containerHealth(container, job) }));
  const of = (health: Health) => judged.filter((one) => one.health === health);
  const ready = of("healthy").length;
  const [worst] = [...of("failed"), ...of("degraded"), ...of("unknown")];
  const wanted = replicas ?? containers.length;
  const missing = Math.max(0, wanted - containers.length);
  const message = (why: string) => `${ready} of ${Math.max(wanted, containers.length)} ready: ${why}`;
  if (worst === undefined) {
    return missing === 0
      ? { health: "healthy" }
      : { health: "degraded", message: message(`${missing} missing`) };
  }
  const words = message(`${worst.container.name} ${worst.why}`);
  if (worst.health === "failed") return { health: ready === 0 ? "failed" : "degraded", message: words };
  if (worst.health === "degraded" || missing > 0) return { health: "degraded", message: words };
  return { health: "unknown", message: words };
}

/** @param isUpdated whether a container is of the revision asked about */
export function copiesOf(
  containers: readonly Container[],
  job: boolean,
  isUpdated: (container: Container) => boolean,
): Copies {
  const isReady = (container: Container) => containerHealth(container, job).health === "healthy";
  const updated = containers.filter(isUpdated);
  return {
    total: containers.length,
    ready: containers.filter(isReady).length,
    updated: updated.length,
    updatedReady: updated.filter(isReady).length,
  };
}

/** `RuntimeRunning` and, where a check is defined, `ContainerHealth`. */
export function conditionsOf(containers: readonly Container[], job: boolean): readonly HealthCondition[] {
  const stands = (container: Container) =>
    container.status === "running" || (job && containerHealth(container, job).health === "healthy");
  const since = latest(containers);
  const running: HealthCondition = {
    type: "RuntimeRunning",
    status: containers.length > 0 && containers.every(stands) ? "true" : "false",
    reason: "compose_ps_state",
    message: counted(containers.map(({ status }) => status)).slice(0, limits.containerStateCharsMax),
    ...since,
  };
  const checked = containers.flatMap(({ health }) => health ?? []);
  if (checked.length === 0) return [running];
  const bad = checked.includes("unhealthy");
  const good = checked.every((health) => health === "healthy");
  return [
    running,
    {
      type: "ContainerHealth",
      status: bad ? "false" : good ? "true" : "unknown",
      reason: "compose_ps_health",
      message: counted(checked).slice(0, limits.containerStateCharsMax),
    },
  ];
}

function latest(containers: readonly Container[]): { readonly lastTransitionMs?: number } {
  const times = containers.flatMap(({ sinceMs }) => sinceMs ?? []);
  return times.length === 0 ? {} : { lastTransitionMs: Math.max(...times) };
}

/** `2 running, 1 exited`; one word alone when there is but one. */
function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  if (words.length === 1) return words[0] ?? "";
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}
