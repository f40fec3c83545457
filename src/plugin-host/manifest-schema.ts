/**
 * `plugin.yaml` as a schema: which keys there are, what each may hold and what it means.
 * The JSON schema in docs/ is made from it; what one key means for another is in `manifest-rules.ts`.
 */
import * as v from "valibot";
import { jsonSchemaOf } from "../json/schema-text.ts";
import { shapeOf } from "../json/yaml-shape.ts";
import { limits } from "../limits.ts";
import {
  AbsolutePath,
  Executable,
  NetTarget,
  PluginId,
  SecretName,
  VariableName,
} from "../policy/plugin-words.ts";
import { adapterCapabilities, providerCapabilities } from "../sdk/protocol.ts";

export const pluginKinds = ["adapter", "provider", "validator"] as const;

const Kind = v.picklist(pluginKinds, "is not adapter, provider or validator");

/** https://semver.org, without build metadata: two builds of one version could not be told apart. */
const semver =
  /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-(?:0|[1-9]\d{0,8}|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d{0,8}|\d*[a-zA-Z-][0-9a-zA-Z-]*)){0,8})?$/;

const Version = v.pipe(
  v.string("must be text: put it in quotes"),
  v.maxLength(64, "must not be longer than 64 characters"),
  v.regex(semver, "must be a semantic version such as 1.2.3 or 2.0.0-beta.1"),
);

const Major = v.pipe(
  v.number("must be a whole number"),
  v.safeInteger("must be a whole number"),
  v.minValue(1, "must be at least 1"),
  v.maxValue(1_000, "must be at most 1000"),
);

const Api = v.union(
  [Major, v.strictObject({ min: Major, max: Major }, "must be a map with min and max")],
  "must be a whole number, or a map with `min` and `max`",
);

/** What a run, a bundle or a binding calls it. */
const OfferId = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?$/,
    "must be lower case letters, digits, `.`, `_` and `-`, at most 64",
  ),
);

const BindingKind = v.pipe(
  v.string("must be text"),
  v.regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9_.:/-]{0,126}[A-Za-z0-9])?$/,
    "must be letters, digits and `._:/-`, at most 128",
  ),
);

const listFault = "must be a list";
const tooMany = `must not have more than ${limits.pluginListItemsMax} items`;

function listOf<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.pipe(v.array(schema, listFault), v.maxLength(limits.pluginListItemsMax, tooMany));
}

function optionalList<const Schema extends v.GenericSchema>(schema: Schema, says: string) {
  return v.optional(v.pipe(listOf(schema), v.description(says)));
}

const Capabilities = v.strictObject(
  {
    adapter: v.optional(
      v.pipe(
        v.record(
          OfferId,
          listOf(v.picklist(adapterCapabilities, "is not a capability of adapters")),
          "must be a map of adapter ids",
        ),
        v.description("Adapter id to what it can do beside executing."),
      ),
    ),
    provider: v.optional(
      v.pipe(
        v.record(
          OfferId,
          listOf(v.picklist(providerCapabilities, "is not a capability of providers")),
          "must be a map of provider ids",
        ),
        v.description("Provider id to what it can do; observe is always one of them."),
      ),
    ),
    validator: v.optional(
      v.pipe(
        v.record(OfferId, listOf(BindingKind), "must be a map of validator ids"),
        v.description("Validator id to the binding kinds that it judges."),
      ),
    ),
  },
  "must be a map with adapter, provider or validator",
);

const Permissions = v.strictObject(
  {
    net: optionalList(
      NetTarget,
      "host:port to connect to. A host may be * or begin with *., a port may be *.",
    ),
    read: optionalList(AbsolutePath, "Files, or folders and all below, to read."),
    write: optionalList(AbsolutePath, "Files, or folders and all below, to write."),
    run: optionalList(Executable, "Executables to start: absolute paths, or names to be found in PATH."),
    env: optionalList(VariableName, "Variables of akc's environment."),
    secrets: optionalList(SecretName, "Secrets to ask for by name."),
  },
  "must be a map of permissions",
);

function bounded(unit: string, least: number, most: number, says: string) {
  return v.optional(
    v.pipe(
      v.number(`must be a whole number of ${unit}`),
      v.safeInteger(`must be a whole number of ${unit}`),
      v.minValue(least, `must be at least ${least}`),
      v.maxValue(most, `must be at most ${most}`),
      v.description(says),
    ),
  );
}

const Limits = v.strictObject(
  {
    memory_bytes: bounded(
      "bytes",
      limits.pluginMemoryBytesMin,
      limits.pluginMemoryBytesMax,
      "Memory of each of its processes.",
    ),
    start_ms: bounded("milliseconds", 1, limits.pluginStartMsMax, "From start to the answer of initialize."),
    call_ms: bounded("milliseconds", 1, limits.pluginCallMsMax, "The longest that one call may take."),
    stop_ms: bounded(
      "milliseconds",
      1,
      limits.pluginStopMsMax,
      "Between being told to end and being killed.",
    ),
    idle_ms: bounded("milliseconds", 1, limits.pluginIdleMsMax, "Without a call for so long it is stopped."),
    concurrency: bounded("calls", 1, limits.pluginConcurrencyMax, "Calls at the same time."),
    message_bytes: bounded(
      "bytes",
      limits.pluginMessageBytesMin,
      limits.pluginMessageBytesMax,
      "One line of the protocol.",
    ),
  },
  "must be a map of limits",
);

/** A path below the plugin's folder, clean. */
const innerPath = /^(?!\.{1,2}(?:\/|$))[^/\\\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\\\0]+)*$/;

export const InnerPath = v.pipe(
  v.string("must be a path"),
  v.maxLength(limits.pluginPathCharsMax, `must not be longer than ${limits.pluginPathCharsMax} characters`),
  v.regex(innerPath, "must be a path below the plugin's folder, without `.`, `..` or a slash at either end"),
);

const Argument = v.pipe(
  v.string("must be text"),
  v.maxLength(4_096, "must not be longer than 4096 characters"),
  v.regex(/^[^\0]*$/, "must not hold NUL"),
);

const Signature = v.strictObject(
  {
    algorithm: v.literal("ed25519", "must be ed25519"),
    key: v.pipe(
      v.string("must be text"),
      v.regex(/^[A-Za-z0-9+/]{43}=$/, "must be the base64 of 32 bytes"),
      v.description("The public key that made it."),
    ),
    value: v.pipe(
      v.string("must be text"),
      v.regex(/^[A-Za-z0-9+/]{86}==$/, "must be the base64 of 64 bytes"),
    ),
  },
  "must be a map with algorithm, key and value",
);

export const ManifestSchema = v.strictObject(
  {
    schema: v.pipe(
      v.literal("akc.plugin/v1", "must be akc.plugin/v1"),
      v.description("The version of this format."),
    ),
    id: v.pipe(PluginId, v.description("vendor/name.")),
    version: v.pipe(Version, v.description("Semantic version.")),
    description: v.optional(
      v.pipe(
        v.string("must be text"),
        v.maxLength(500, "must not be longer than 500 characters"),
        v.description("One sentence for people."),
      ),
    ),
    kind: v.pipe(
      v.union(
        [Kind, v.pipe(v.array(Kind, listFault), v.minLength(1, "must name one"))],
        "must be adapter, provider or validator, or a list of them",
      ),
      v.description("What it offers. It may be several."),
    ),
    api: v.pipe(Api, v.description("Majors of the protocol that it speaks: one, or a range with both ends.")),
    runtime: v.pipe(
      v.picklist(["bun", "exec", "deno"], "must be bun, exec or deno"),
      v.description("What starts it: akc itself (bun), Deno, or the system (exec)."),
    ),
    entry: v.optional(
      v.pipe(InnerPath, v.description("The module to load, a path below this folder. For bun and deno.")),
    ),
    command: v.optional(
      v.pipe(
        listOf(Argument),
        v.minLength(1, "must name an executable"),
        v.description(
          "The executable and its arguments, for exec. A first item that begins with ./ is a file of this folder.",
        ),
      ),
    ),
    capabilities: v.pipe(
      Capabilities,
      v.description("The most that it offers when it starts, by kind and id."),
    ),
    permissions: v.optional(
      v.pipe(Permissions, v.description("What it asks for. What is not asked for is never granted.")),
    ),
    config: v.optional(
      v.pipe(
        v.record(v.string(), v.unknown(), "must be a JSON schema: a map"),
        v.description("JSON schema of its settings."),
      ),
    ),
    limits: v.optional(v.pipe(Limits, v.description("Bounds of its own, where the defaults do not fit."))),
    digests: v.optional(
      v.pipe(
        v.record(
          InnerPath,
          v.pipe(
            v.string("must be text"),
            v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256: 64 lower case hexadecimal digits"),
          ),
          "must be a map of files and their SHA-256",
        ),
        v.description("SHA-256 of every file but plugin.yaml. `akc plugin sign` writes it."),
      ),
    ),
    signature: v.optional(v.pipe(Signature, v.description("`akc plugin sign` writes it."))),
  },
  "must be a map of settings",
);

export type ManifestFile = v.InferOutput<typeof ManifestSchema>;

export const manifestShape = shapeOf(ManifestSchema, {
  adapter: "an adapter id",
  provider: "a provider id",
  validator: "a validator id",
  digests: "a file",
});

/** The text of docs/plugin.schema.json, and what `akc plugin schema` prints. */
export function pluginSchemaText(): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://akc.dev/schemas/plugin.v1.json",
    title: "akc plugin",
    ...jsonSchemaOf(ManifestSchema),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
