/** The bundle that a command is pointed at: always a file, since a bundle has others beside it. */
import { AkcError } from "../../errors.ts";

/** @throws AkcError USAGE */
export function bundlePath(text: string): string {
  if (text !== "-") return text;
  throw new AkcError("USAGE", {
    message: "a bundle cannot come from standard input",
    hint: "It refers to files beside it; name its path.",
  });
}
