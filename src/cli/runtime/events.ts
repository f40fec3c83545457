/**
 * `akc runtime events`: what happened in a run, in order and in the documented shape; with --follow until it has ended.
 * Reads each event once, however long it follows.
 *
 * Source: spec cli §5.4, spec kernel §4.7; cli:W-50.
 */
import { loadBundle } from "../../bundle/load.ts";
import { type BundleFacts, bundleFacts, noBundleFacts } from "../../evidence/facts.ts";
import { EventProjector, type ProjectedEvent } from "../../evidence/project.ts";
import { lineJson } from "../../json/canonical.ts";
import { toPlain } from "../../json/plain.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { derivePolicy } from "../../policy/derive.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import type { RunReader, RunRow, StoredEvent } from "../../store/contract.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { Plain } from "../render/output.ts";
import { padEnd, printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { locatingEnvironment, oneRun, runArgs, withStore } from "./locate.ts";
import { standing } from "./run-view.ts";

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
    ...runArgs,
    follow: { type: "boolean", alias: ["f"], description: "Wait for more until the run has ended." },
    after: { type: "string", valueHint: "SEQ", description: "Only events after this number." },
  },
  async run(args, session) {
    const after =
      args.after === undefined
        ? 0
        : wholeNumber("--after", args.after, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const found = await oneRun(session.io, args);
    const { runtimeRunId } = found.row.context;
    const printer = printerOf(session, args.follow === true);
    await withStore(found.scopeRoot, async (store) => {
      const reader = await store.openRun(runtimeRunId);
      try {
        const projector = new EventProjector(found.row, await factsOf(found.row));
        for await (const page of pages(reader, args.follow === true)) {
          const wires = page
            .map((event) => [event, projector.project(event)] as const)
            .filter(([event]) => event.seq > after)
            .map(([event, projected]) => ({ stored: event, projected, wire: projector.wire(projected) }));
          await printer.page(wires);
        }
        await printer.end();
      } finally {
        await reader.close();
      }
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

function printerOf({ io, format, print }: Session, follow: boolean): Printer {
  if (format === "text" || (format === undefined && io.stdout.isTerminal)) {
    return {
      page: (shown) => io.out(shown.map((event) => `${readable(event)}\n`).join("")),
      end: async () => {},
    };
  }
  if (format === undefined || (format === "json" && follow)) {
    return {
      page: (shown) => io.out(shown.map(({ wire }) => `${lineJson(wire)}\n`).join("")),
      end: async () => {},
    };
  }
  if (follow) {
    // A stream of YAML is a stream of documents.
    return {
      page: async (shown) => {
        const { stringify } = await import("yaml");
        await io.out(shown.map(({ wire }) => `---\n${stringify(toPlain(wire), { lineWidth: 0 })}`).join(""));
      },
      end: async () => {},
    };
  }
  const items: JsonObject[] = [];
  return {
    page: async (shown) => {
      items.push(...shown.map(({ wire }) => wire));
    },
    end: () => printList(items, print),
  };
}

async function printList(items: readonly JsonObject[], print: Session["print"]): Promise<void> {
  await print({ data: { kind: "EventList", items: items.map(plainObject) }, text: () => "" });
}

function plainObject(value: JsonObject): Plain {
  return JSON.parse(JSON.stringify(toPlain(value)));
}

/** `12  14:03:07.120Z  runtime.action.completed     lint  …` */
function readable({ stored, projected }: Shown): string {
  const { payload } = projected;
  const about =
    projected.action?.step?.stepId ?? projected.action?.actionId ?? text(payload["action_id"]) ?? "";
  const why = text(payload["error"]) ?? text(payload["reason"]) ?? text(payload["outcome"]) ?? "";
  const time = instant(stored.atMs).slice(11);
  return `${String(stored.seq).padStart(6)}  ${time}  ${padEnd(stored.type, 36)}  ${printable(about)}${why === "" ? "" : `  ${printable(why)}`}`.trimEnd();
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
