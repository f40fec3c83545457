/**
 * The `plugins` section of the operator's file: which plugins may run, and what each may touch.
 * Never reads a file; the rest of the operator's file is in `operator-schema.ts`.
 */
import * as v from "valibot";
import { fromPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { type PluginGrant, type PluginPolicy, pluginTrusts, type SecretSource } from "./model.ts";
import {
  AbsolutePath,
  NetTarget,
  PluginId,
  PluginIdPattern,
  PublicKey,
  SecretName,
  VariableName,
} from "./plugin-words.ts";

const IdPatterns = v.array(PluginIdPattern, "must be a list of plugin ids");

const Grant = v.strictObject(
  {
    net: v.optional(
      v.pipe(
        v.array(NetTarget, "must be a list of host:port"),
        v.description(
          "host:port it may connect to. The kernel enforces the port; names are enforced for requests through akc.",
        ),
      ),
    ),
    read: v.optional(
      v.pipe(v.array(AbsolutePath, "must be a list of absolute paths"), v.description("What it may read.")),
    ),
    write: v.optional(
      v.pipe(v.array(AbsolutePath, "must be a list of absolute paths"), v.description("What it may write.")),
    ),
    run: v.optional(
      v.pipe(
        v.array(AbsolutePath, "must be a list of absolute paths"),
        v.description("Executables it may start."),
      ),
    ),
    env: v.optional(
      v.pipe(
        v.array(VariableName, "must be a list of names"),
        v.description("Variables of akc's environment that it gets."),
      ),
    ),
    secrets: v.optional(
      v.pipe(
        v.array(SecretName, "must be a list of names"),
        v.description("Secrets it may ask for by name."),
      ),
    ),
  },
  "must be a map of grants",
);

const UrlPattern = v.pipe(v.string("must be text"), v.regex(/^\S+$/, "must not be empty or hold spaces"));

const sendTo = {
  send_to: v.optional(
    v.pipe(
      v.array(UrlPattern, "must be a list of hosts or URL prefixes"),
      v.description(
        "Hosts or URL prefixes, as in http_allowlist, that validator bindings may send it to. Without it they may not use it.",
      ),
    ),
  ),
};
const SecretEntry = v.union(
  [
    v.strictObject({
      env: v.pipe(VariableName, v.description("A variable of akc's own environment.")),
      ...sendTo,
    }),
    v.strictObject({
      file: v.pipe(AbsolutePath, v.description("A file that holds nothing else.")),
      ...sendTo,
    }),
  ],
  "must be { env: NAME } or { file: PATH }",
);

function secretSource({ send_to, ...place }: v.InferOutput<typeof SecretEntry>): SecretSource {
  return { ...place, ...(send_to === undefined ? {} : { sendTo: send_to }) };
}

/** What YAML can write and JSON cannot, such as `.inf`, is no setting. */
const Settings = v.pipe(
  v.record(v.string(), v.unknown(), "must be a map of settings"),
  v.check((settings) => jsonOf(settings) !== undefined, "must hold values that JSON can write"),
  v.transform((settings): JsonObject => jsonOf(settings) ?? {}),
);

function jsonOf(settings: object): JsonObject | undefined {
  try {
    const value = fromPlain(settings);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const PluginsSection = v.strictObject(
  {
    trust: v.optional(
      v.pipe(
        v.picklist(pluginTrusts, "must be locked, signed or any"),
        v.description(
          "Which plugins may run: those in plugins.lock (the default), those that one of `signers` signed, or any.",
        ),
      ),
    ),
    signers: v.optional(
      v.pipe(
        v.record(SecretName, PublicKey, "must be a map of names and public keys"),
        v.description("Whose signatures count: a name of your choice to `ed25519:…`."),
      ),
    ),
    allow: v.optional(
      v.pipe(IdPatterns, v.description("Only these plugins: ids, or vendor/* for all of a vendor.")),
    ),
    deny: v.optional(v.pipe(IdPatterns, v.description("Never these plugins. Wins over `allow`."))),
    grants: v.optional(
      v.pipe(
        v.record(PluginId, Grant, "must be a map of plugin ids"),
        v.description("Plugin id to what it may touch. A plugin without an entry may touch nothing."),
      ),
    ),
    settings: v.optional(
      v.pipe(
        v.record(PluginId, Settings, "must be a map of plugin ids"),
        v.description("Plugin id to its settings, as the `config` of its manifest describes them."),
      ),
    ),
    secrets: v.optional(
      v.pipe(
        v.record(SecretName, SecretEntry, "must be a map of names"),
        v.description("Where the secrets are that `grants` names: each is read when a plugin asks for it."),
      ),
    ),
    containment: v.optional(
      v.pipe(
        v.picklist(["none", "limits", "landlock"], "must be none, limits or landlock"),
        v.description(
          "The least containment of a plugin, landlock when absent. The strongest that the host has is used anyway.",
        ),
      ),
    ),
  },
  "must be a map of settings for plugins",
);

export function pluginPolicyOf(section: v.InferOutput<typeof PluginsSection>): PluginPolicy {
  const { trust, signers, allow, deny, grants, settings, secrets, containment } = section;
  return {
    ...(trust === undefined ? {} : { trust }),
    ...(signers === undefined ? {} : { signers: new Map(Object.entries(signers)) }),
    ...(allow === undefined ? {} : { allow }),
    ...(deny === undefined ? {} : { deny }),
    ...(grants === undefined
      ? {}
      : { grants: new Map(Object.entries(grants).map(([id, grant]) => [id, withoutAbsent(grant)])) }),
    ...(settings === undefined ? {} : { settings: new Map(Object.entries(settings)) }),
    ...(secrets === undefined
      ? {}
      : { secrets: new Map(Object.entries(secrets).map(([name, entry]) => [name, secretSource(entry)])) }),
    ...(containment === undefined ? {} : { containment }),
  };
}

/** An absent list must not become one that is there and undefined. */
function withoutAbsent(grant: v.InferOutput<typeof Grant>): PluginGrant {
  const { net, read, write, run, env, secrets } = grant;
  return {
    ...(net === undefined ? {} : { net }),
    ...(read === undefined ? {} : { read }),
    ...(write === undefined ? {} : { write }),
    ...(run === undefined ? {} : { run }),
    ...(env === undefined ? {} : { env }),
    ...(secrets === undefined ? {} : { secrets }),
  };
}
