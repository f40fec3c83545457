/**
 * `akc runtime events`: what happened in a run, in order and in the documented shape; with --follow until it has ended.
 * Reads each event once, however long it follows.
 *
 * Source: spec cli §5.4, spec kernel §4.7; cli:W-50.
 */
import { loadBundle } from "../../bundle/load.ts";
import { objectAt, textAt } from "../../bundle/member.ts";
import { type BundleFacts, bundleFacts, noBundleFacts } from "../../evidence/facts.ts";
import { EventProjector, type ProjectedEvent } from "../../evidence/project.ts";
import { lineJson } from "../../json/canonical.ts";
import { isJsonArray, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { derivePolicy } from "../../policy/derive.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import type { RunReader, RunRow, StoredEvent } from "../../store/contract.ts";
import { standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { Io } from "../io.ts";
import { encode, type Plain, plainOf } from "../render/output.ts";
import { padEnd, printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { actionName } from "./action-name.ts";
import { locatingEnvironment } from "./locate.ts";
import { shownRunArgs, withShownRun } from "./read-run.ts";

export const events = command({
  path: "runtime events",
  summary: "Print what happened in a run; with --follow, as it happens.",
  notes: [
    "On a terminal an event is a line to read. In a pipe it is a line of JSON in the documented shape, as it always was; -o json makes one list of them, and with --follow a line an event.",
  ],
  examples: [
    { command: "akc runtime events 0193f2c1 --follow", says: "Watch a run; ends when it has ended." },
    {
      command:
        "akc runtime events 0193f2c1 | jq -r 'select(.event_type == \"runtime.action.dead_lettered\") | .payload.error'",
      says: "What failed.",
    },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: {
    ...shownRunArgs,
    follow: { type: "boolean", alias: ["f"], description: "Wait for more until the run has ended." },
    after: { type: "string", valueHint: "SEQ", description: "Only events after this number." },
  },
  async run(args, session) {
    const after =
      args.after === undefined
        ? 0
        : wholeNumber("--after", args.after, { min: 0, max: Number.MAX_SAFE_INTEGER });
    await withShownRun(session.io, args, async ({ reader, row }) => {
      const printer = printerOf(session, args.follow === true, row.context.runtimeRunId);
      const projector = new EventProjector(row, await factsOf(row));
      for await (const page of pages(reader, args.follow === true)) {
        const wires = page
          .map((event) => [event, projector.project(event)] as const)
          .filter(([event]) => event.seq > after)
          .map(([event, projected]) => ({ stored: event, projected, wire: projector.wire(projected) }));
        if (wires.length > 0) await printer.page(wires);
      }
      await printer.end();
    });
    return 0;
  },
});

/** Everything there is; with `follow` until the run has ended, or nobody runs it any more. */
async function* pages(reader: RunReader, follow: boolean): AsyncGenerator<readonly StoredEvent[]> {
  let seq = 0;
  for (;;) {
    // Asked before reading: events that land in between are read, and only then is it believed.
    const ended = !follow || (await hasEnded(reader));
    for (;;) {
      const page = await reader.events(seq, limits.eventsPageMax);
      seq = page.at(-1)?.seq ?? seq;
      if (page.length > 0) yield page;
      if (page.length < limits.eventsPageMax) break;
    }
    if (ended) return;
    await systemClock.sleep(limits.followPollMs);
  }
}

async function hasEnded(reader: RunReader): Promise<boolean> {
  const row = { ...(await reader.run()), lease: await reader.lease() };
  return !["running", "stopping"].includes(standing(row, systemClock.nowMs()));
}

/** Telemetry that no event repeats comes from the bundle; without it, or with a changed one, events have fewer keys. */
async function factsOf(row: RunRow): Promise<BundleFacts> {
  try {
    const bundle = await loadBundle(await readBundleSource(row.bundlePath), {
      mode: row.context.mode,
      expectedSha256: row.bundleSha256,
    });
    return bundleFacts(bundle, derivePolicy(bundle, "simulate"));
  } catch {
    return noBundleFacts;
  }
}

interface Shown {
  readonly stored: StoredEvent;
  readonly projected: ProjectedEvent;
  readonly wire: JsonObject;
}

interface Printer {
  page(events: readonly Shown[]): Promise<void>;
  end(): Promise<void>;
}

function printerOf({ io, format }: Session, follow: boolean, runtimeRunId: string): Printer {
  if (format === "text" || (format === undefined && io.stdout.isTerminal)) {
    return {
      page: (shown) => io.out(shown.map((event) => `${readable(event, runtimeRunId)}\n`).join("")),
      end: async () => {},
    };
  }
  if (format === undefined || (format === "json" && follow)) {
    return {
      page: (shown) => io.out(shown.map(({ wire }) => `${lineJson(wire)}\n`).join("")),
      end: async () => {},
    };
  }
  return format === "json" ? jsonList(io) : yamlDocuments(io, follow);
}

/** One list, written as it is read: a long history is never in memory at once. */
function jsonList(io: Io): Printer {
  let separator = '{"kind":"EventList","items":[\n';
  return {
    page: async (shown) => {
      await io.out(separator + shown.map(({ wire }) => lineJson(wire)).join(",\n"));
      separator = ",\n";
    },
    end: () => io.out(separator === ",\n" ? "\n]}\n" : `${separator}]}\n`),
  };
}

/** A list, or a stream of documents when the end is not known. */
function yamlDocuments(io: Io, follow: boolean): Printer {
  const items: Plain[] = [];
  return {
    page: async (shown) => {
      const wires = shown.map(({ wire }) => plainOf(wire));
      if (!follow) items.push(...wires);
      else for (const wire of wires) await io.out(`---\n${await encode("yaml", wire)}`);
    },
    end: async () => {
      if (!follow) await io.out(await encode("yaml", { kind: "EventList", items }));
    },
  };
}

/** `12  14:03:07.120Z  runtime.action.completed     lint  …` */
function readable({ stored, projected }: Shown, runtimeRunId: string): string {
  const { payload } = projected;
  // Bindings are asked on behalf of no action.
  const about = text(payload["binding_id"]) ?? text(payload["analysis"]) ?? aboutOf(projected, runtimeRunId);
  const why =
    text(payload["error"]) ??
    blockedBy(payload) ??
    verdictIn(payload) ??
    text(payload["reason"]) ??
    text(payload["outcome"]) ??
    "";
  const time = instant(stored.atMs).slice(11);
  return `${String(stored.seq).padStart(6)}  ${time}  ${padEnd(stored.type, 36)}  ${printable(about)}${why === "" ? "" : `  ${printable(why)}`}`.trimEnd();
}

/** The action's name; most events carry the whole action, some only its ids. */
function aboutOf({ action, payload }: ProjectedEvent, runtimeRunId: string): string {
  const actionId = action?.actionId ?? text(payload["action_id"]);
  if (actionId === undefined) return "";
  const nodeId = action?.nodeId ?? text(payload["node_id"]) ?? "";
  const stepId = action?.step?.stepId ?? text(payload["graph_step_id"]);
  return actionName({ actionId, nodeId, stepId }, runtimeRunId);
}

/** `fail: 1 is not at least 100`, of a binding and of an analysis; of a run the verdict alone. */
function verdictIn(payload: JsonObject): string | undefined {
  const verdict = text(payload["verdict"]);
  if (verdict === undefined) return undefined;
  const said = text(payload["message"]) ?? textAt(objectAt(payload, "artifact"), "message");
  const why = said ?? text(payload["reason"]);
  return why === undefined ? verdict : `${verdict}: ${why}`;
}

function blockedBy(payload: JsonObject): string | undefined {
  const by = payload["by"];
  const names = isJsonArray(by) ? by.filter((name) => typeof name === "string") : [];
  return names.length === 0 ? undefined : `by ${names.join(", ")}`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
