/**
 * What a command is: data (path, flags, examples, exit codes) and one function to run. citty reads the values; before it
 * sees an argv, `strict.ts` has refused whatever citty would swallow in silence.
 * Help, completion and manual pages are made from this data; a command never prints its own help.
 */
import { type ArgsDef, defineCommand, type ParsedArgs, runCommand } from "citty";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { type Format, formats, type Report, writeReport } from "./render/output.ts";
import { strictArgv } from "./strict.ts";

/** Flags that every command has. */
export const commonArgs = {
  output: {
    type: "enum",
    options: [...formats],
    alias: ["o"],
    valueHint: "FORMAT",
    description: "How to print the result: text, json or yaml.",
  },
  color: {
    type: "boolean",
    default: true,
    description: "Use colours on a terminal.",
    negativeDescription: "Print without colours.",
  },
  verbose: { type: "boolean", description: "Say more on stderr, stack traces of faults included." },
  help: { type: "boolean", alias: ["h"], description: "Show this help." },
} as const satisfies ArgsDef;

export type CommonArgs = typeof commonArgs;

export interface Example {
  readonly command: string;
  readonly says: string;
}

export interface CommandSpec<A extends ArgsDef> {
  /** The words that call it, e.g. `runtime start`. */
  readonly path: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What else a reader must know; paragraphs. */
  readonly notes?: readonly string[];
  readonly examples: readonly Example[];
  readonly exits: readonly ExitCode[];
  /** Flags that are nearly always needed, as they are typed; those that are always needed are known. */
  readonly usage?: string;
  /** Camel case here, `--kebab-case` on the command line. */
  readonly args: A;
  /** Environment variables that it reads, with their effect. */
  readonly environment?: Readonly<Record<string, string>>;
  run(args: ParsedArgs<CommonArgs & A>, session: Session): Promise<ExitCode>;
}

/** What a running command is given. */
export interface Session {
  readonly io: Io;
  /** As asked for with `-o`; undefined when the flag is absent. */
  readonly format: Format | undefined;
  readonly verbose: boolean;
  /** Writes the result to stdout in the format asked for, text by default. */
  print(report: Report): Promise<void>;
}

/** A command without its type parameters: what the tree holds. */
export interface Command extends Omit<CommandSpec<ArgsDef>, "run"> {
  /** Reads `argv` (without the command's own words) and runs. @throws AkcError USAGE and whatever the command throws. */
  execute(argv: readonly string[], io: Io): Promise<ExitCode>;
}

export function command<const A extends ArgsDef>(spec: CommandSpec<A>): Command {
  // A command may say a common flag again with more names.
  const args: CommonArgs & A = { ...commonArgs, ...spec.args };
  return {
    ...spec,
    args,
    async execute(argv, io) {
      let exit: ExitCode = 0;
      const definition = defineCommand({
        meta: { name: `akc ${spec.path}`, description: spec.summary },
        args,
        run: async ({ args: values }) => {
          exit = await spec.run(values, sessionOf(io, values.output, values.verbose));
        },
      });
      await runCommand(definition, { rawArgs: strictArgv(argv, { ...spec, args }) });
      return exit;
    },
  };
}

function sessionOf(io: Io, output: string | undefined, verbose: boolean | undefined): Session {
  const format = formats.find((known) => known === output);
  return {
    io,
    format,
    verbose: verbose === true,
    print: (report) => writeReport(io, format ?? "text", report),
  };
}
