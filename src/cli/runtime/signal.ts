/** `akc runtime signal`: sends a run what one of its steps waits for. */
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { type Wait, waitsOf } from "../../evidence/waits.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Signal } from "../../store/contract.ts";
import { standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { readJson } from "../read-json.ts";
import { printable } from "../render/text.ts";
import { senderName } from "../sender.ts";
import { type FoundRun, locatingEnvironment, oneRun, runArgs, withStore } from "./locate.ts";
import { nameOf } from "./waits.ts";

export const signal = command({
  path: "runtime signal",
  summary: "Send a run what one of its steps waits for, such as an approval.",
  notes: [
    "A signal is kept in the run's inbox until a step takes it: it may come before the step waits, and while no process runs the run. One step takes it, the one that has waited longest for its name. Sending the same --id again changes nothing.",
  ],
  examples: [
    {
      command: "akc runtime signal 0193f2c1 --name go-live --approve --reason 'looked at it'",
      says: "Approve.",
    },
    {
      command: "jq -n '{replicas: 3}' | akc runtime signal 0193f2c1 --name scale --payload -",
      says: "With a payload, which becomes the step's output.",
    },
    {
      command: 'akc runtime signal 0193f2c1 --name built --id "build-$BUILD_NUMBER"',
      says: "From a program that may send twice.",
    },
  ],
  exits: [0, 1, 2, 5],
  usage: "--name NAME",
  environment: locatingEnvironment,
  args: {
    ...runArgs,
    name: { type: "string", valueHint: "NAME", description: "The signal's name, as the step has it." },
    payload: {
      type: "string",
      valueHint: "FILE",
      description: "JSON that goes with it, from a file or with - from standard input; else {}.",
    },
    id: {
      type: "string",
      valueHint: "KEY",
      description: "Your own key: sending the same one twice sends once.",
    },
    approve: { type: "boolean", description: "Answer a step that waits for an approval: yes." },
    refuse: { type: "boolean", description: "Answer a step that waits for an approval: no." },
    reason: { type: "string", valueHint: "TEXT", description: "Why, with --approve or --refuse." },
  },
  async run(args, session) {
    const name = nameGiven(args.name);
    const id = idGiven(args.id);
    const sender = senderName();
    const answer = answerGiven(args, sender);
    const found = await oneRun(session.io, args);
    const payload = answer ?? (args.payload === undefined ? {} : await payloadFrom(args.payload));
    const { runtimeRunId } = found.row.context;
    const sent: Signal = { id, name, payload: canonicalJson(payload), sentAtMs: systemClock.nowMs(), sender };
    const { isNew, waits } = await withStore(found.scopeRoot, async (store) => {
      const reader = await store.openRun(runtimeRunId);
      try {
        const before = await waitsOf(reader, await reader.actions());
        refuseSlip(before, name, payload);
        return { isNew: await store.sendSignal(runtimeRunId, sent), waits: before };
      } finally {
        await reader.close();
      }
    }).catch(async (cause) => {
      throw await sayingHowToGoOn(session.io, found, cause);
    });
    const waiting = waits.filter((wait) => wait.signal === name);
    await session.print({
      data: {
        kind: "SignalResult",
        runtime_run_id: runtimeRunId,
        name,
        id,
        sender,
        new: isNew,
        waiting: waiting.map((wait) => wait.stepId ?? wait.nodeId),
      },
      text: () => `runtime_run_id: ${runtimeRunId}\nsignal: ${name}\nid: ${printable(id)}`,
    });
    await tell(session.io, found, { isNew, waits, waiting, name });
    return 0;
  },
});

/** A run that was cut short takes signals again as soon as somebody goes on with it; nothing needs to run twice for that. */
async function sayingHowToGoOn(io: Io, { row, scopeRoot }: FoundRun, cause: unknown): Promise<unknown> {
  const cutShort = row.outcome === "stopped" || row.outcome === "exhausted";
  if (!(cause instanceof AkcError) || cause.code !== "RUN_EXISTS" || !cutShort) return cause;
  const { message, details } = cause;
  const again = await followUpOnRun(io, ["runtime", "resume", row.context.runtimeRunId], {
    outputsRoot: join(scopeRoot, "../.."),
  });
  return new AkcError("RUN_EXISTS", {
    message,
    details,
    cause,
    hint: `Go on with it (\`${again}\`), and send the signal while it goes on.`,
  });
}

interface Told {
  readonly isNew: boolean;
  readonly waits: readonly Wait[];
  readonly waiting: readonly Wait[];
  readonly name: string;
}

async function tell(
  io: Io,
  { row, scopeRoot }: FoundRun,
  { isNew, waits, waiting, name }: Told,
): Promise<void> {
  if (!isNew) io.words("it was sent before; nothing was changed\n");
  else if (waiting.length > 0)
    io.words(`${listed(waiting.map(nameOf))} ${waiting.length === 1 ? "waits" : "wait"} for it now\n`);
  else {
    const others = [...new Set(waits.flatMap((wait) => wait.signal ?? []))];
    const now = others.length === 0 ? "" : `; steps wait now for ${listed(others)}`;
    io.words(`no step waits for ${name} now: it is kept until one does${now}\n`);
  }
  if (standing(row, systemClock.nowMs()) !== "abandoned") return;
  const { runtimeRunId } = row.context;
  const again = await followUpOnRun(io, ["runtime", "resume", runtimeRunId], {
    outputsRoot: join(scopeRoot, "../.."),
  });
  io.words(`warning: no process runs this run any more; \`${again}\` goes on with it\n`);
}

function listed(names: readonly string[]): string {
  return names.map(printable).join(", ");
}

function nameGiven(name: string | undefined): string {
  if (name !== undefined && isIdentifier(name)) return name;
  throw new AkcError("USAGE", {
    message: name === undefined ? "--name is missing" : `--name cannot be "${printable(name)}"`,
    hint: "It is the name that the step waits for: letters, digits, '.', '_' and '-'. `akc runtime status RUN` shows it.",
  });
}

function idGiven(id: string | undefined): string {
  if (id === undefined) return crypto.randomUUID();
  if (id !== "" && id.length <= limits.idLengthMax && printable(id) === id) return id;
  throw new AkcError("USAGE", {
    message: `--id cannot be "${printable(id)}"`,
    hint: `It is a text of at most ${limits.idLengthMax} characters.`,
  });
}

interface AnswerFlags {
  readonly approve?: boolean | undefined;
  readonly refuse?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly payload?: string | undefined;
}

/** @throws AkcError USAGE for flags that contradict each other */
function answerGiven(
  { approve, refuse, reason, payload }: AnswerFlags,
  sender: string,
): JsonValue | undefined {
  const answers = approve === true || refuse === true;
  const wrong =
    approve === true && refuse === true
      ? "--approve and --refuse are both given"
      : answers && payload !== undefined
        ? "--payload cannot go with --approve or --refuse, which make one"
        : !answers && reason !== undefined
          ? "--reason needs --approve or --refuse"
          : undefined;
  if (wrong !== undefined) throw new AkcError("USAGE", { message: wrong });
  if (!answers) return undefined;
  return { approved: approve === true, ...(reason === undefined ? {} : { reason }), by: sender };
}

/** An answer that is none would refuse what somebody meant to approve. */
function refuseSlip(waits: readonly Wait[], name: string, payload: JsonValue): void {
  const answers = isJsonObject(payload) && typeof payload["approved"] === "boolean";
  const asked = waits.find((wait) => wait.signal === name && wait.approval);
  if (answers || asked === undefined) return;
  throw new AkcError("USAGE", {
    message: `${nameOf(asked)} waits for an approval, and this is no answer`,
    hint: "Add --approve or --refuse, or send a payload with `approved` true or false.",
  });
}

async function payloadFrom(path: string): Promise<JsonValue> {
  return readJson(path, limits.signalPayloadBytesMax);
}
