/**
 * What a lease is called, by whom it is held. Pure but for the process's own identity.
 *
 * Source: spec cli §14.6; cli:W-20.
 */
import { sha256Hex } from "../../json/fingerprint.ts";
import type { LeaseHolder } from "../../store/contract.ts";
import { thisProcess } from "../../store/sqlite/holder.ts";
import type { LeaseConfig } from "../config/model.ts";
import { type ScopeId, scopeName } from "../model.ts";

/** The first 20 hex digits of SHA-256 of `<tenant>::<repo>`. */
export function scopeKey({ tenantId, repoId }: ScopeId): string {
  return sha256Hex(`${tenantId}::${repoId}`).slice(0, 20);
}

/**
 * The name of a scope's lease: its key, or the configured name for all scopes. In the file system each scope has a file of its own
 * in its own folder, also where all of them have the same name: there the name begins with the folder, `<tenant>/<repo>/<name>`.
 */
export function leaseNames({
  backend,
  name,
}: Pick<LeaseConfig, "backend" | "name">): (scope: ScopeId) => string {
  const plain = (scope: ScopeId) => name ?? scopeKey(scope);
  if (backend !== "filesystem") return plain;
  return (scope) => `${scopeName(scope)}/${plain(scope)}`;
}

/** A controller, as no other process and no later one of the same pid is called: `<controller_id>@<host>:<pid>:<nonce>`. */
export interface Identity {
  readonly holder: string;
  readonly process: LeaseHolder;
}

export function newIdentity(controllerId: string, process: LeaseHolder = thisProcess()): Identity {
  const nonce = crypto.randomUUID().slice(0, 8);
  return { holder: `${controllerId}@${process.host}:${process.pid}:${nonce}`, process };
}
