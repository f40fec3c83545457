/**
 * Reads a secret from where the configuration says that it is: a file, a systemd credential, or the one variable that old set-ups still
 * have. What it returns is for whoever signs or verifies; it is stored, logged and shown nowhere.
 *
 * Source: systemd.exec(5), LoadCredential; spec cli §15.5.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";

/** The place of a secret that is still in the environment. */
export const secretVariable = "env:AKC_LIVING_WEBHOOK_SECRET";

/**
 * Without a line's end behind it. Asked for at each use, so that a secret that was changed counts at once.
 * @param place an absolute path, or `secretVariable`
 * @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE; AUTOPILOT_CONFIG_INVALID for an empty one
 */
export async function readSecret(
  place: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const secret =
    place === secretVariable
      ? (env["AKC_LIVING_WEBHOOK_SECRET"] ?? "")
      : new TextDecoder().decode(await readFileBounded(place, limits.autopilotSecretBytesMax));
  const bare = secret.replace(/\r?\n$/, "");
  if (bare !== "") return bare;
  throw new AkcError("AUTOPILOT_CONFIG_INVALID", {
    message: "a secret is empty",
    hint: "Write the secret into the file; one line.",
    details: { path: place },
  });
}
