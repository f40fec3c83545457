/**
 * How plugins and what they may touch are written, in a manifest as in the operator's file. Patterns only: what a plugin is
 * granted is worked out elsewhere.
 */
import * as v from "valibot";

/** `vendor/name`, lower case, so that two ids never differ by case alone. */
const idPart = "[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?";

export const PluginId = v.pipe(
  v.string("must be text"),
  v.regex(
    new RegExp(`^${idPart}/${idPart}$`),
    "must be vendor/name in lower case letters, digits, `.`, `_` and `-`",
  ),
);

/** A plugin's id, or all of a vendor. */
export const PluginIdPattern = v.pipe(
  v.string("must be text"),
  v.regex(new RegExp(`^${idPart}/(?:\\*|${idPart})$`), "must be vendor/name or vendor/*"),
);

/** Whether one of `patterns` means `id`. */
export function namesPlugin(patterns: readonly string[], id: string): boolean {
  const vendor = `${id.split("/")[0] ?? ""}/*`;
  return patterns.some((pattern) => pattern === id || pattern === vendor);
}

const hostPattern = String.raw`(?:\*|(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])`;
const portPattern = String.raw`(?:\*|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])`;

export const NetTarget = v.pipe(
  v.string("must be text"),
  v.regex(
    new RegExp(`^${hostPattern}:${portPattern}$`),
    "must be host:port in lower case; a host may be * or begin with *., a port may be *",
  ),
);

/** Clean, so that two ways to write one path cannot disagree: no `.`, `..`, `//`, NUL or slash at the end. */
const absolutePath = /^\/(?:(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)*)?$/;

export const AbsolutePath = v.pipe(
  v.string("must be a path"),
  v.regex(absolutePath, "must be an absolute path without '.', '..' or a slash at the end"),
);

/** An absolute path, or a name that is looked up in PATH. */
export const Executable = v.pipe(
  v.string("must be text"),
  v.regex(
    new RegExp(`${absolutePath.source}|^(?!\\.{1,2}$)[^/\\0\\s]+$`),
    "must be an absolute path or a name without slashes",
  ),
);

export const VariableName = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable"),
);

export const SecretName = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "must be a name of letters, digits, `.`, `_` and `-`"),
);

/** A public key of ed25519: 32 bytes. */
export const PublicKey = v.pipe(
  v.string("must be text"),
  v.regex(/^ed25519:[A-Za-z0-9+/]{43}=$/, "must be `ed25519:` and the base64 of 32 bytes"),
);
