/**
 * What of a configuration cannot change while a controller runs: its memory, its leases and its server are made for it. Pure.
 *
 * Source: systemd.service(5), Type=notify-reload; docs/autopilot.md, "Reloading".
 */
import type { AutopilotConfig } from "./model.ts";

/** By their keys in the file. */
const fixed: readonly (readonly [key: string, of: (config: AutopilotConfig) => unknown])[] = [
  ["outputs_root", ({ outputsRoot }) => outputsRoot],
  ["controller_id", ({ controllerId }) => controllerId],
  ["lease.backend", ({ lease }) => lease.backend],
  ["lease.name", ({ lease }) => lease.name],
  ["lease.namespace", ({ lease }) => lease.namespace],
  ["lease.ttl", ({ lease }) => lease.ttlMs],
  ["lease.kubeconfig", ({ lease }) => lease.kubeconfig],
  ["listen", ({ listen }) => listen],
];

/** Keys of what differs and only a start can change; empty when the new configuration can be taken. */
export function fixedChanges(running: AutopilotConfig, next: AutopilotConfig): readonly string[] {
  return fixed.filter(([, of]) => !Bun.deepEquals(of(running), of(next))).map(([key]) => key);
}
