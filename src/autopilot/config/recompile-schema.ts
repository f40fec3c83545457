/** The section `recompile` of the configuration file: who makes a new bundle, and within which bounds. Schemas only. */
import * as v from "valibot";
import { limits } from "../../limits.ts";
import { described, keysMust, list } from "./composed.ts";
import { CredentialName, count, lengthOfTime, Path, Switch, Url, VariableName, Word } from "./words.ts";

/** Where a secret is; it never stands in the file itself. */
export const secretPlace = {
  secret_file: described(Path, "File with the secret that signs, and nothing else in it."),
  credential: described(CredentialName, "The same as a systemd credential: $CREDENTIALS_DIRECTORY/NAME."),
};

export const RecompileSection = v.pipe(
  v.strictObject(
    {
      command: described(
        v.pipe(
          list(Word),
          v.minLength(1, "must name a program"),
          // Which file a bare name means would depend on who starts akc, and how.
          v.check(
            ([program = ""]) => program.includes("/"),
            "must begin with a path, such as /usr/bin/make or ./make",
          ),
        ),
        "The hook: a program's path and its arguments. No shell.",
      ),
      env: described(list(VariableName), "Of `command`: variables of akc's own environment that it gets."),
      read: described(
        list(Path),
        "Of `command`: what it may read beside the scope and the system's programs.",
      ),
      write: described(list(Path), "Of `command`: what it may write beside the scope's folder."),
      network: described(Switch, "Of `command`: whether it may use the network."),
      http: described(Url, "The hook: a URL that the request is posted to."),
      ...secretPlace,
      ca_file: described(Path, "Of `http`: certificates in PEM that its server is verified with."),
      plugin: described(Word, "The hook: id of a plugin's action adapter."),
      timeout: described(lengthOfTime(1_000, limits.recompileTimeoutMsMax), "Longest time of one call."),
      output_bytes: described(count(1_024, 64 * 1024 * 1024), "Longest answer, in bytes."),
      options: described(
        v.record(Word, v.union([Word, v.number(), v.boolean()], "must be text, a number or a switch")),
        "Told to the hook as they are: goal, policy_mode and the like.",
      ),
    },
    "must be a map with command, http or plugin",
  ),
  keysMust(
    (has) => [has("command"), has("http"), has("plugin")].filter(Boolean).length <= 1,
    "has more than one of command, http and plugin",
  ),
  keysMust(
    (has) => has("command") || !(has("env") || has("read") || has("write") || has("network")),
    "has env, read, write or network without command",
  ),
  keysMust(
    (has) => has("http") || !(has("secret_file") || has("credential") || has("ca_file")),
    "has secret_file, credential or ca_file without http",
  ),
  keysMust((has) => !(has("secret_file") && has("credential")), "has both secret_file and credential"),
);
