/**
 * `akc validate run`: bindings tried by hand, as a judgement would ask them, without a run. Writes nothing unless it is told where.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { OperatorPolicy } from "../../policy/model.ts";
import { judgedKinds, openValidators } from "../../run/validators.ts";
import { nearestWord } from "../../spelling.ts";
import { systemClock } from "../../system/clock.ts";
import { loadBindings } from "../../validation/bindings/lookup.ts";
import type { Binding, BindingRegistry } from "../../validation/bindings/model.ts";
import { refuseOutside } from "../../validation/bindings/paths.ts";
import { defaultBindingsFile } from "../../validation/bindings/place.ts";
import { executeBindings } from "../../validation/execution/execute.ts";
import type { BindingObservation } from "../../validation/execution/model.ts";
import { worstVerdict } from "../../validation/operational-spec/verdict.ts";
import type { Verdict } from "../../validators/contract.ts";
import { openDoor } from "../../validators/door.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { search, surroundings } from "../plugin/search.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { readProject } from "../project.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { type AskingLine, askingLine } from "../render/progress/asking.ts";
import { counted, printable } from "../render/text.ts";
import { watchSignals } from "../runtime/interrupt.ts";
import { locatingArgs, locatingEnvironment, type Where } from "../runtime/locate.ts";
import { valuesOf } from "../strict.ts";
import { openSaveFolder, type SaveFolder } from "./save-folder.ts";
import { verdictTable } from "./verdict-table.ts";

export const run = command({
  path: "validate run",
  summary: "Ask bindings now, without a run, and show what each answers.",
  notes: [
    "Without BINDING: all of the registry. Asks what a judgement would ask, so helpers of devices really install, clear and erase. With --tenant-id and --repo-id files of bindings must lie below that scope, as in a run.",
    "Exit code: 0 when all that count pass, 2 when one fails or errs, 4 when one is inconclusive. Dry runs are shown and do not count.",
  ],
  examples: [
    { command: "akc validate run", says: "What would the registry say now?" },
    { command: "akc validate run slo.checkout-5xx -o json", says: "One of them, for programs." },
    {
      command: "akc validate run --save ./tried && akc validate replay --from ./tried",
      says: "Keep what was seen, and judge it again without asking anybody.",
    },
  ],
  exits: [0, 2, 4, 129, 130, 143],
  environment: { ...pluginEnvironment, ...locatingEnvironment },
  args: {
    binding: {
      type: "positional",
      required: false,
      repeatable: true,
      valueHint: "BINDING",
      description: "Ids of bindings; all when absent.",
    },
    validatorBindings: {
      type: "string",
      valueHint: "FILE",
      description: "The registry; else the project's, else configs/validation/validator_bindings.v1.yaml.",
    },
    save: { type: "string", valueHint: "DIR", description: "Write artifacts and what was seen there." },
    ...locatingArgs,
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const { env } = session.io;
    const found = await surroundings(args, env);
    const { plugins } = await search(found);
    const cwd = process.cwd();
    const registry = await loadBindings({
      path: args.validatorBindings,
      projectPath: (await readProject(cwd)).validatorBindingsPath,
      cwd,
      kinds: judgedKinds(plugins),
    });
    const chosen = chosenBindings(registry, valuesOf(args.binding));
    await refuseOutsideScope(chosen, session.io, args);
    const asking = askingLine(session.io, () => systemClock.nowMs());
    const watched = watchSignals((text) => asking.say(text));
    try {
      asking.began(chosen.map(({ id }) => id));
      const saved = args.save === undefined ? undefined : await openSaveFolder(args.save);
      const observations = await asked(chosen, valuesOf(args.pluginsDir), found.operator, {
        env,
        signal: watched.signal,
        asking,
        saved,
      });
      asking.finish();
      await print(session, registry, observations, saved);
      return watched.exitCode() ?? exitOf(observations);
    } finally {
      asking.finish();
      watched.remove();
    }
  },
});

/** @throws AkcError USAGE */
function chosenBindings(registry: BindingRegistry, ids: readonly string[]): readonly Binding[] {
  const { bindings, path } = registry;
  if (bindings.size === 0) {
    throw new AkcError("USAGE", {
      message:
        path === undefined ? "there is no registry of validator bindings" : "the registry has no bindings",
      hint: `Name a registry with --validator-bindings FILE, or write ${defaultBindingsFile}; \`akc validate schema\` says what may be in it.`,
      details: path === undefined ? {} : { path },
    });
  }
  if (ids.length === 0) return [...bindings.values()];
  return [...new Set(ids)].map((id) => {
    const binding = bindings.get(id);
    if (binding !== undefined) return binding;
    const near = nearestWord(id, [...bindings.keys()]);
    throw new AkcError("USAGE", {
      message: `the registry has no binding "${id}"`,
      hint: near === undefined ? "`akc validate bindings` shows those that it has." : `Did you mean ${near}?`,
      details: { path: path ?? "" },
    });
  });
}

/** @throws AkcError USAGE, BINDING_PATH_OUTSIDE */
async function refuseOutsideScope(bindings: readonly Binding[], io: Io, where: Where): Promise<void> {
  const { tenantId, repoId } = where;
  if (tenantId === undefined && repoId === undefined) return;
  if (tenantId === undefined || repoId === undefined) {
    throw new AkcError("USAGE", {
      message: "a scope is named by --tenant-id and --repo-id together",
      hint: "Give both, or neither: then files of bindings may lie anywhere.",
    });
  }
  const scopeRoot = join(await outputsRootOf(io, where.outputsRoot), tenantId, repoId);
  if (!existsSync(scopeRoot)) throw new AkcError("FILE_NOT_FOUND", { details: { path: scopeRoot } });
  refuseOutside(bindings, scopeRoot);
}

interface Asking {
  readonly env: Io["env"];
  readonly signal: AbortSignal;
  readonly asking: AskingLine;
  readonly saved: SaveFolder | undefined;
}

async function asked(
  bindings: readonly Binding[],
  pluginsDirs: readonly string[],
  operator: OperatorPolicy | undefined,
  { env, signal, asking, saved }: Asking,
): Promise<readonly BindingObservation[]> {
  const kinds = [...new Set(bindings.map(({ kind }) => kind))];
  const onNote = (note: string) => asking.noted(note);
  const validators = await openValidators({ pluginsDirs, env, operator, kinds, onNote });
  try {
    return await executeBindings({
      bindings,
      validators,
      openDoor: (binding, workdir) => openDoor({ binding, operator, env, clock: systemClock, workdir }),
      clock: systemClock,
      signal,
      totalMs: limits.validationMsDefault,
      folder: "",
      criterionIdsByBinding: new Map(),
      async onObservation(observation) {
        asking.answered(observation);
        await saved?.keep(observation);
      },
    });
  } finally {
    await validators.close();
  }
}

function worstOf(observations: readonly BindingObservation[]): Verdict {
  return worstVerdict(observations.filter(({ dryRun }) => !dryRun).map(({ verdict }) => verdict));
}

function exitOf(observations: readonly BindingObservation[]): ExitCode {
  switch (worstOf(observations)) {
    case "pass":
      return 0;
    case "inconclusive":
      return 4;
    default:
      return 2;
  }
}

async function print(
  session: Session,
  registry: BindingRegistry,
  observations: readonly BindingObservation[],
  saved: SaveFolder | undefined,
): Promise<void> {
  await session.print({
    data: {
      kind: "ValidatorRun",
      verdict: worstOf(observations),
      path: registry.path ?? null,
      sha256: registry.sha256 ?? null,
      ...(saved === undefined ? {} : { saved: saved.folder }),
      items: observations.map((observation) => ({
        ...rowData(observation),
        ...(saved === undefined ? {} : { artifact: saved.artifacts.get(observation.bindingId) ?? null }),
      })),
    },
    text: () => {
      const table = verdictTable(
        observations.map((observation) => ({
          bindingId: observation.bindingId,
          kind: observation.kind,
          verdict: observation.dryRun ? `${observation.verdict} (dry run)` : observation.verdict,
          standing: observation.verdict,
          reason: observation.reason ?? "",
          value: valueText(observation),
          ms: msOf(observation),
          ...(observation.verdict === "pass" ? {} : { why: observation.message ?? "" }),
        })),
        session.io.stdout,
      );
      const told = `${table}\n\n${summaryText(observations)}`;
      return saved === undefined ? told : `${told}\nsaved in ${printable(saved.folder)}`;
    },
  });
}

/** `10 bindings: 1 error, 2 fail, 7 pass; 1 dry run does not count`; what decides is first. */
function summaryText(observations: readonly BindingObservation[]): string {
  const counts = (["error", "fail", "inconclusive", "pass"] as const).flatMap((verdict) => {
    const count = observations.filter((one) => !one.dryRun && one.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${verdict}`];
  });
  const dry = observations.filter(({ dryRun }) => dryRun).length;
  const dryWords = dry === 0 ? [] : [`${counted(dry, "dry run")} ${dry === 1 ? "does" : "do"} not count`];
  return `${counted(observations.length, "binding")}: ${[counts.join(", "), ...dryWords].filter((part) => part !== "").join("; ")}`;
}

function rowData(observation: BindingObservation): { readonly [key: string]: Plain } {
  const { bindingId, kind, verdict, reason, message, dryRun, payload } = observation;
  return {
    id: bindingId,
    kind,
    verdict,
    reason: reason ?? null,
    message: message ?? null,
    value: plainOf(payload["value"] ?? null),
    duration_ms: msOf(observation),
    dry_run: dryRun,
    attempts: Array.isArray(payload["attempts"]) ? payload["attempts"].length : 1,
    exchanges: Array.isArray(payload["exchanges"]) ? payload["exchanges"].length : 0,
  };
}

function valueText({ payload }: BindingObservation): string {
  const { value } = payload;
  return value === undefined ? "" : JSON.stringify(plainOf(value));
}

function msOf({ payload }: BindingObservation): number {
  const ms = payload["duration_ms"];
  return typeof ms === "number" ? ms : 0;
}
