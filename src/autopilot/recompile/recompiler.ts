/**
 * Asks the configured hook for a recompile, and takes nothing from it on trust: what it offers is confined, read, bound to the scope and
 * known by its hash. Whatever the hook does wrong is an answer with a reason; nothing of a secret is in any of them.
 *
 * Source: spec cli §15.3; cli:W-25, cli:W-29, cli:W-58.
 */
import { AkcError, messageWithPath, unreachable } from "../../errors.ts";
import { redactText } from "../../evidence/redact.ts";
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import type { GuardedRequest } from "../../system/http.ts";
import type { RecompileConfig, ScopeConfig } from "../config/model.ts";
import { oneLine } from "../triggers/trigger.ts";
import type { HookAnswer } from "./answer.ts";
import { askCommand } from "./command.ts";
import type { RecompileAnswer, RecompileRequest, Recompiler } from "./contract.ts";
import { askHttp } from "./http.ts";
import { offeredBy } from "./offered.ts";
import { askPluginHook } from "./plugin.ts";
import { requestDocument } from "./request.ts";

export interface RecompilerDeps extends Pick<GuardedRequest, "resolve"> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly outputsRoot: string;
  /** Never stronger than this: for tests. A required level above it is refused. */
  readonly containmentAtMost?: ContainmentLevel;
}

/** What each kind of hook is handed beside its own settings. */
export interface Asked {
  readonly scope: ScopeConfig;
  readonly attemptId: string;
  readonly document: JsonObject;
  /** The document as it is sent. */
  readonly text: string;
  readonly signal: AbortSignal;
  /** Notes that this is a secret: no message will hold it. */
  secret(value: Uint8Array): Uint8Array;
}

export type HookDeps = Pick<RecompilerDeps, "env" | "outputsRoot" | "containmentAtMost">;

export function createRecompiler(deps: RecompilerDeps): Recompiler {
  const underWay = new Set<AbortController>();

  async function recompile(request: RecompileRequest, signal: AbortSignal): Promise<RecompileAnswer> {
    const { scope, deployed } = request;
    const hook = scope.recompile;
    if (hook === undefined) {
      const message = "no recompile hook is configured; set `recompile` in the autopilot's configuration";
      return { result: "failed", code: "RECOMPILE_FAILED", message };
    }
    const secrets = secretsOf(hook, deps);
    try {
      const document = requestDocument(request, deps.outputsRoot);
      const asked: Asked = {
        scope,
        attemptId: request.attemptId,
        document,
        text: canonicalJson(document),
        signal,
        secret(value) {
          secrets.push(new TextDecoder().decode(value));
          return value;
        },
      };
      const answer = await ask(hook, asked, deps);
      signal.throwIfAborted();
      return await judged(answer, request, deps.outputsRoot, secrets, deployed?.bundleSha256);
    } catch (cause) {
      signal.throwIfAborted();
      return failure(cause, secrets);
    }
  }

  return {
    async recompile(request, signal) {
      const own = new AbortController();
      underWay.add(own);
      try {
        return await recompile(request, AbortSignal.any([signal, own.signal]));
      } finally {
        underWay.delete(own);
      }
    },
    async close() {
      for (const own of underWay) own.abort(new AkcError("CANCELLED"));
      while (underWay.size > 0) await Bun.sleep(closePollMs);
    },
  };
}

const closePollMs = 5;

function ask(hook: RecompileConfig, asked: Asked, deps: RecompilerDeps): Promise<HookAnswer> {
  switch (hook.kind) {
    case "command":
      return askCommand(hook, asked, deps);
    case "http":
      return askHttp(hook, asked, deps.resolve === undefined ? {} : { resolve: deps.resolve });
    case "plugin":
      return askPluginHook(hook, asked, deps);
    default:
      return unreachable(hook);
  }
}

async function judged(
  answer: HookAnswer,
  { scope }: RecompileRequest,
  outputsRoot: string,
  secrets: readonly string[],
  deployedSha256: string | undefined,
): Promise<RecompileAnswer> {
  switch (answer.kind) {
    case "unchanged":
      return { result: "unchanged", message: "the hook found nothing to change" };
    case "refused":
      return { result: "refused", message: safe(answer.reason, secrets) };
    default: {
      const offer = await offeredBy({ kind: answer.kind, path: answer.path }, scope, outputsRoot);
      if (offer.bundleSha256 === deployedSha256) {
        return { result: "unchanged", message: "the hook offers the bundle that is deployed" };
      }
      return { result: "offered", offer };
    }
  }
}

/** With what to do about it: the message is all that a person sees of it later. */
function failure(cause: unknown, secrets: readonly string[]): RecompileAnswer {
  const error = cause instanceof AkcError ? cause : undefined;
  const code = error?.code ?? "RECOMPILE_FAILED";
  const [issue] = error?.issues ?? [];
  const why = issue === undefined ? "" : ` (${issue.path}: ${issue.message})`;
  const said =
    error !== undefined ? messageWithPath(error) : cause instanceof Error ? cause.message : String(cause);
  const hint = error?.hint === undefined ? "" : `. ${error.hint}`;
  return { result: "failed", code, message: safe(`${said}${why}${hint}`, secrets) };
}

function safe(text: string, secrets: readonly string[]): string {
  return oneLine(redactText(text.toWellFormed(), secrets), limits.recompileMessageChars);
}

/** Every value that a hook is handed may be one; names of places may not. */
function secretsOf(hook: RecompileConfig, { env }: RecompilerDeps): string[] {
  if (hook.kind !== "command") return [];
  return hook.env.filter((name) => !plainNames.has(name)).flatMap((name) => env[name] ?? []);
}

const plainNames: ReadonlySet<string> = new Set(["HOME", "USER", "LOGNAME", "LANG", "TZ", "SHELL", "PWD"]);
