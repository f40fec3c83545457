/**
 * Whether the recompile hook can be asked: its program is there, or its address answers to a name; and, when that is wished, what it
 * answers to a request that asks for nothing.
 *
 * Source: docs/autopilot.md, "The recompile hook".
 */

import { lookup } from "node:dns/promises";
import { accessSync, constants, statSync } from "node:fs";
import { errnoOf } from "../../system/files.ts";
import type { RecompileConfig, ScopeConfig } from "../config/model.ts";
import { scopeName, type Trigger } from "../model.ts";
import type { RecompileAnswer } from "../recompile/contract.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "hook";

export interface HookInput {
  /** One of each different hook. */
  readonly scopes: readonly ScopeConfig[];
  /** Really asks it; absent: it is only looked at. */
  readonly run?: ((scope: ScopeConfig, trigger: Trigger) => Promise<RecompileAnswer>) | undefined;
  readonly nowMs: number;
}

export async function hookFindings({ scopes, run, nowMs }: HookInput): Promise<readonly Finding[]> {
  const hooked = scopes.filter(({ recompile }) => recompile !== undefined);
  const different = [...new Map(hooked.map((scope) => [JSON.stringify(scope.recompile), scope])).values()];
  if (different.length === 0) {
    return [ok(check, "no recompile hook is configured: what stands is repaired, and nothing is recompiled")];
  }
  const findings: Finding[] = [];
  for (const scope of different) {
    const { recompile } = scope;
    if (recompile === undefined) continue;
    const found = await lookAt(recompile);
    findings.push(found);
    if (run === undefined || found.level === "fail") continue;
    findings.push(notOurs(scope) ?? (await asked(scope, run, nowMs)));
  }
  return findings;
}

async function lookAt(hook: RecompileConfig): Promise<Finding> {
  switch (hook.kind) {
    case "command": {
      const [program = ""] = hook.argv;
      const refusal = refusalToRun(program);
      return refusal === undefined
        ? ok(check, `the hook ${program} is there and may be run`)
        : fail(
            check,
            `the hook ${program} cannot be run (${refusal})`,
            "Install it, or mend recompile.command.",
          );
    }
    case "http": {
      const { hostname, host } = new URL(hook.url);
      try {
        await lookup(hostname.replace(/^\[|\]$/g, ""));
        return ok(check, `the hook's host ${host} has an address`);
      } catch (cause) {
        const why = errnoOf(cause) ?? "unknown";
        return fail(
          check,
          `the hook's host ${host} has no address (${why})`,
          "Mend recompile.http.url, or the resolver.",
        );
      }
    }
    case "plugin":
      return ok(check, `the hook is the adapter ${hook.adapter} of a plugin: \`akc plugin list\` shows it`);
  }
}

/** What a hook leaves behind belongs to whoever asks it: the controller could not write there any more. */
function notOurs({ scope, scopeRoot }: ScopeConfig): Finding | undefined {
  const owner = statSync(scopeRoot, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === process.geteuid?.()) return undefined;
  const name = scopeName(scope);
  return warn(
    check,
    `not asked for ${name}: its folder belongs to another user (${owner})`,
    `Ask as that user, or have the controller ask: akc autopilot trigger --scope ${name} --reason TEXT`,
  );
}

async function asked(
  scope: ScopeConfig,
  run: NonNullable<HookInput["run"]>,
  nowMs: number,
): Promise<Finding> {
  const name = scopeName(scope.scope);
  const answer = await run(scope, testTrigger(nowMs));
  switch (answer.result) {
    case "unchanged":
      return ok(check, `asked for ${name}, the hook answers that nothing has changed`);
    case "offered":
      return warn(
        check,
        `asked for ${name} with a test, the hook offers the bundle ${answer.offer.bundleSha256.slice(0, 12)}`,
        'A request whose trigger has `"test": true` in its details should be answered with `{"unchanged": true}`.',
      );
    case "refused":
      return warn(
        check,
        `asked for ${name}, the hook refuses: ${answer.message}`,
        "See why; a refusal is not a failure.",
      );
    case "failed":
      return fail(
        check,
        `asked for ${name}, the hook fails: ${answer.message} [${answer.code}]`,
        "Run it by hand with the request that docs/autopilot-triggers.md shows.",
      );
  }
}

function testTrigger(atMs: number): Trigger {
  return {
    id: Bun.randomUUIDv7(),
    kind: "person",
    severity: "low",
    key: "doctor",
    reason: "akc living doctor asks whether the hook can be asked",
    atMs,
    details: { test: true },
  };
}

function refusalToRun(program: string): string | undefined {
  try {
    accessSync(program, constants.X_OK);
    return statSync(program).isFile() ? undefined : "it is no file";
  } catch (cause) {
    return errnoOf(cause) ?? "unknown";
  }
}
