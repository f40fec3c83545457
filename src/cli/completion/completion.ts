/** `akc completion`: the script that lets a shell complete command lines of akc. Writes no file and changes no setting. */
import { AkcError } from "../../errors.ts";
import { nearestWord } from "../../spelling.ts";
import { command } from "../command.ts";
import { enabling, type Shell, scripts, shells } from "./scripts.ts";

export const completion = command({
  path: "completion",
  summary: "Print the script that lets a shell complete commands, flags, runs and steps.",
  notes: [
    "The script goes to stdout; put it where your shell reads its settings, as the examples do, and begin a new shell. It asks the akc that is being typed, so it need not be written again after an update.",
    "Completed are commands, flags and their values, files and folders, and what is kept: runs (the newest first, with how they ended), steps of the run or the bundle on the line, rollouts, scopes and plugins. Where runs are kept is found as by every other command: --outputs-root on the line, AKC_OUTPUTS_ROOT, the project file, the working directory.",
  ],
  examples: [
    { command: "source <(akc completion bash)", says: "In this bash, for once." },
    ...shells.map((shell) => enabling[shell]),
  ],
  exits: [0, 2],
  args: {
    shell: {
      type: "positional",
      required: true,
      valueHint: shells.join("|"),
      description: "The shell that will read it.",
    },
  },
  async run(args, { io, format, print }) {
    const shell = shellNamed(args.shell);
    if (format === undefined || format === "text") await io.out(scripts[shell]);
    else {
      const data = {
        kind: "CompletionScript",
        shell,
        script: scripts[shell],
        enable: enabling[shell].command,
      };
      await print({ data, text: () => scripts[shell] });
    }
    if (io.stdout.isTerminal) {
      const { says, command: line } = enabling[shell];
      io.words(`\n${says}\n  ${line}\n`);
    }
    return 0;
  },
});

/** @throws AkcError USAGE */
function shellNamed(word: string): Shell {
  const known = shells.find((shell) => shell === word.replace(/^.*\//, ""));
  if (known !== undefined) return known;
  const near = nearestWord(word, shells);
  throw new AkcError("USAGE", {
    message: `there is no completion for "${word}"`,
    hint: `${near === undefined ? "" : `Did you mean ${near}? `}It is one of ${shells.join(", ")}.`,
  });
}
