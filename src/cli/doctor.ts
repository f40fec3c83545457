/** `akc doctor`: looks this host over and says, finding by finding, what is so and what to do about it. */
import { resolve } from "node:path";
import { examineHost, worstOf } from "../doctor/examine.ts";
import type { Host } from "../doctor/host.ts";
import { type CheckName, checkNames, type Finding, severities } from "../doctor/model.ts";
import { AkcError } from "../errors.ts";
import { defaultPolicyPath, readOperatorPolicy } from "../run/prepare.ts";
import { nearestWord } from "../spelling.ts";
import { systemClock } from "../system/clock.ts";
import { command } from "./command.ts";
import type { Io } from "./io.ts";
import { outputsRootOf } from "./outputs-root.ts";
import { pluginArgs, pluginEnvironment } from "./plugin/plugin-args.ts";
import { search, surroundings } from "./plugin/search.ts";
import { policyArgs } from "./policy/policy-args.ts";
import { type Style, styleOf } from "./render/style.ts";
import { counted, padEnd, printable, wrap } from "./render/text.ts";
import { locatingArgs, locatingEnvironment } from "./runtime/locate.ts";
import { valuesOf } from "./strict.ts";
import { variablesOf } from "./variables.ts";

const narrowest = 40;

export const doctor = command({
  path: "doctor",
  summary: "Look this host over: what of akc works here, what does not, and how to mend it.",
  notes: [
    `Each finding is ok, a note (something is not there that some plans need), a warning, or a fault: then nothing or not the whole of akc works here. Exit code 1 where there is a fault, else 0. docs/doctor.md tells what each check looks at.`,
    "Nothing is changed; one small database is made and removed in the outputs root, to see that it can be.",
  ],
  examples: [
    { command: "akc doctor", says: "Is this host good for akc?" },
    { command: "akc doctor --only disk --only clock", says: "Two checks alone." },
    {
      command: "akc doctor -o json | jq '.items[] | select(.severity == \"fault\")'",
      says: "The faults, for a program.",
    },
  ],
  exits: [0, 1, 2],
  environment: {
    ...locatingEnvironment,
    ...pluginEnvironment,
    AKC_DOCKER: "The docker to ask; else that of the fixed search path.",
    AKC_KUBECTL: "The kubectl to ask.",
    AKC_SYSTEMCTL: "The systemctl to ask.",
  },
  args: {
    only: {
      type: "string",
      repeatable: true,
      valueHint: "CHECK",
      description: `Make this check alone; may be given several times: ${checkNames.join(", ")}.`,
    },
    outputsRoot: locatingArgs.outputsRoot,
    ...policyArgs,
    ...pluginArgs,
  },
  async run(args, { io, print }) {
    const only = valuesOf(args.only)
      .flatMap((names) => names.split(","))
      .map(checkNamed);
    const host = await hostOf(args, io);
    const findings = await examineHost(host, only.length === 0 ? checkNames : only);
    const worst = worstOf(findings);
    await print({
      data: {
        kind: "Doctor",
        worst,
        outputs_root: host.outputsRoot,
        counts: Object.fromEntries(
          severities.map((severity) => [
            severity,
            findings.filter((one) => one.severity === severity).length,
          ]),
        ),
        items: findings.map(({ check, severity, says, fix, details }) => ({
          check,
          severity,
          says,
          fix: fix ?? null,
          details: { ...details },
        })),
      },
      text: () => textOf(findings, styleOf(io.stdout.color), io.stdout.columns()),
    });
    return worst === "fault" ? 1 : 0;
  },
});

interface Args {
  readonly outputsRoot?: string | undefined;
  readonly policy?: string | undefined;
  readonly pluginsDir?: string | undefined;
}

async function hostOf(args: Args, io: Io): Promise<Host> {
  return {
    outputsRoot: await outputsRootOf(io, args.outputsRoot),
    env: io.env,
    knownVariables: [...(await variablesOf()).keys()],
    executable: Bun.isStandaloneExecutable ? process.execPath : undefined,
    policy: {
      path: resolve(args.policy ?? defaultPolicyPath),
      named: args.policy !== undefined,
      read: () => readOperatorPolicy(args.policy),
    },
    // A policy that is broken is its own check's to tell; plugins are then judged without one.
    plugins: async () => {
      const { policy, ...rest } = args;
      const around = await surroundings(args, io.env).catch(() => surroundings(rest, io.env));
      return search(around);
    },
    clock: systemClock,
    signal: new AbortController().signal,
  };
}

/** @throws AkcError USAGE */
function checkNamed(word: string): CheckName {
  const known = checkNames.find((name) => name === word.trim().replaceAll("-", "_"));
  if (known !== undefined) return known;
  const near = nearestWord(word, checkNames);
  throw new AkcError("USAGE", {
    message: `there is no check "${printable(word)}"`,
    hint: `${near === undefined ? "" : `Did you mean ${near}? `}It is one of ${checkNames.join(", ")}.`,
  });
}

function textOf(findings: readonly Finding[], style: Style, columns: number): string {
  const paint = { ok: style.good, note: style.faint, warning: style.warn, fault: style.bad };
  const left = Math.max(...checkNames.map((name) => name.length));
  const room = Math.max(narrowest, columns) - left - 11;
  const lines = findings.flatMap(({ check, severity, says, fix }) => {
    const [first = "", ...rest] = wrap(printable(says), room);
    const blank = " ".repeat(left + 11);
    return [
      `${paint[severity](padEnd(severity, 7))}  ${padEnd(check, left)}  ${first}`,
      ...rest.map((line) => `${blank}${line}`),
      ...(fix === undefined
        ? []
        : wrap(`→ ${printable(fix)}`, room).map((line) => `${blank}${style.faint(line)}`)),
    ];
  });
  const sums = severities
    .map((severity) => ({ severity, count: findings.filter((one) => one.severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => (severity === "ok" ? `${count} ok` : counted(count, severity)));
  return [...lines, "", sums.join(", ")].join("\n");
}
