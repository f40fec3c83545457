/**
 * Whether the autopilot's memory can be opened and is as it was written, and who works in it. Follows every chain; changes nothing.
 *
 * Source: docs/autopilot.md; cli:W-03.
 */

import { existsSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import type { AutopilotStore } from "../contract.ts";
import { scopeName } from "../model.ts";
import { autopilotStatePath } from "../state/file.ts";
import { openAutopilotStore } from "../state/open.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "database";
const damagesShownMax = 5;
/** Beats come every few seconds. */
const beatFreshMs = 30_000;

export interface DatabaseLook {
  readonly findings: readonly Finding[];
  readonly newestEntryAtMs?: number | undefined;
}

export async function databaseLook(outputsRoot: string, nowMs: number): Promise<DatabaseLook> {
  const path = autopilotStatePath(outputsRoot);
  if (!existsSync(path)) {
    return { findings: [ok(check, `${path} is not there yet: the first start makes it`)] };
  }
  let store: AutopilotStore;
  try {
    store = await openAutopilotStore(outputsRoot, { create: false });
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return {
      findings: [fail(check, `${path} cannot be opened: ${cause.message} [${cause.code}]`, cause.hint)],
    };
  }
  try {
    return await lookInto(store, path, nowMs);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return {
      findings: [fail(check, `${path} cannot be read: ${cause.message} [${cause.code}]`, cause.hint)],
    };
  } finally {
    await store.close();
  }
}

async function lookInto(store: AutopilotStore, path: string, nowMs: number): Promise<DatabaseLook> {
  const scopes = await store.scopes();
  const damages = await store.verify();
  const findings: Finding[] = damages
    .slice(0, damagesShownMax)
    .map(({ scope, seq, message }) =>
      fail(
        check,
        `the history of ${scopeName(scope)} is damaged at entry ${seq}: ${message}`,
        "The scope is held. Put back a copy of the file from before, or look what changed it.",
      ),
    );
  if (damages.length === 0) {
    const histories =
      scopes.length === 1 ? "the history of 1 scope is" : `the histories of ${scopes.length} scopes are`;
    findings.push(ok(check, `${path} is whole: ${histories} as written`));
  }
  const controllers = await store.controllers();
  const beating = controllers.filter(({ beatAtMs }) => nowMs - beatAtMs <= beatFreshMs);
  findings.push(
    ok(check, `${beating.length} of ${controllers.length} known controllers are working in it now`),
  );
  let newestEntryAtMs: number | undefined;
  for (const scope of scopes) {
    try {
      const state = await store.state(scope);
      newestEntryAtMs = Math.max(newestEntryAtMs ?? 0, state.atMs);
      if (state.escalated !== undefined) {
        const name = scopeName(scope);
        findings.push(
          warn(
            check,
            `${name} waits for a person: ${state.escalated.message}`,
            `Look at it, then: akc autopilot ack --scope ${name} --reason TEXT`,
          ),
        );
      }
    } catch (cause) {
      // Told by `verify` already.
      if (!(cause instanceof AkcError)) throw cause;
    }
  }
  return { findings, ...(newestEntryAtMs === undefined ? {} : { newestEntryAtMs }) };
}
