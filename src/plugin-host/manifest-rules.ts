/**
 * What one key of a manifest means for another, and what the manifest means for the folder that it stands in.
 * Says where each fault is as a path of keys; lines and columns are for whoever has the text.
 */
import { fromPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { manifestFile } from "./contract.ts";
import { type ManifestFile, pluginKinds } from "./manifest-schema.ts";
import { type SchemaFault, schemaFaults } from "./settings.ts";

/** The files of a plugin's folder, as far as a manifest refers to them. */
export interface FolderContents {
  has(path: string): boolean;
  isExecutable(path: string): boolean;
}

export interface ManifestFault extends SchemaFault {
  /** Whether the fault is the key's or its value's. */
  readonly at?: "key";
}

/** @param folder absent where only the text is looked at */
export function manifestFaults(file: ManifestFile, folder?: FolderContents): readonly ManifestFault[] {
  return [
    ...runtimeFaults(file),
    ...(folder === undefined ? [] : folderFaults(file, folder)),
    ...apiFaults(file),
    ...offerFaults(file),
    ...configFaults(file),
    ...trustFaults(file),
  ];
}

function runtimeFaults({ runtime, entry, command }: ManifestFile): readonly ManifestFault[] {
  const [needed, other] =
    runtime === "exec"
      ? (["command", entry === undefined ? undefined : "entry"] as const)
      : (["entry", command === undefined ? undefined : "command"] as const);
  const there = needed === "command" ? command !== undefined : entry !== undefined;
  return [
    ...(there ? [] : [{ path: ["runtime"], message: `\`runtime: ${runtime}\` needs \`${needed}\`` }]),
    ...(other === undefined
      ? []
      : [
          {
            path: [other],
            message: `\`${other}\` has no meaning with \`runtime: ${runtime}\``,
            at: "key" as const,
          },
        ]),
    ...(command === undefined ? [] : commandFaults(command[0] ?? "")),
  ];
}

/** An executable below the folder is told from one in PATH by its `./`; any other relative path could mean both. */
function commandFaults(first: string): readonly ManifestFault[] {
  const inner = first.startsWith("./") ? first.slice(2) : first.replace(/^\//, "");
  const clean =
    inner !== "" && inner.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  const placed = first.startsWith("./") || first.startsWith("/") || !first.includes("/");
  return clean && placed
    ? []
    : [
        {
          path: ["command", "0"],
          message:
            "must be `./` and a path below the plugin's folder, an absolute path, or a name without slashes",
        },
      ];
}

function folderFaults({ entry, command }: ManifestFile, folder: FolderContents): readonly ManifestFault[] {
  const first = command?.[0]?.startsWith("./") ? command[0].slice(2) : undefined;
  return [
    ...(entry === undefined || folder.has(entry)
      ? []
      : [{ path: ["entry"], message: `there is no file \`${entry}\` in the plugin's folder` }]),
    ...(first === undefined || folder.has(first)
      ? []
      : [{ path: ["command", "0"], message: `there is no file \`${first}\` in the plugin's folder` }]),
    ...(first === undefined || !folder.has(first) || folder.isExecutable(first)
      ? []
      : [{ path: ["command", "0"], message: `\`${first}\` is not executable: chmod +x` }]),
  ];
}

function apiFaults({ api }: ManifestFile): readonly ManifestFault[] {
  return typeof api === "object" && api.min > api.max
    ? [{ path: ["api", "max"], message: "`max` must not be less than `min`" }]
    : [];
}

function offerFaults({ kind, capabilities }: ManifestFile): readonly ManifestFault[] {
  const kinds = [kind].flat();
  const faults: ManifestFault[] = [];
  for (const [index, one] of kinds.entries()) {
    if (kinds.indexOf(one) !== index) {
      faults.push({ path: ["kind", String(index)], message: `\`${one}\` is there twice` });
    }
  }
  for (const one of pluginKinds) {
    const offered = Object.keys(capabilities[one] ?? {}).length > 0;
    if (kinds.includes(one) && !offered) {
      faults.push({
        path: ["capabilities"],
        message: `\`kind\` says ${one}, so \`capabilities.${one}\` must name one`,
        at: "key",
      });
    }
    if (!kinds.includes(one) && capabilities[one] !== undefined) {
      faults.push({ path: ["capabilities", one], message: `\`kind\` does not say ${one}`, at: "key" });
    }
  }
  for (const [id, listed] of Object.entries(capabilities.provider ?? {})) {
    if (!listed.includes("observe")) {
      faults.push({
        path: ["capabilities", "provider", id],
        message: "a provider must be able to `observe`",
      });
    }
  }
  for (const [id, listed] of Object.entries(capabilities.validator ?? {})) {
    if (listed.length === 0) {
      faults.push({
        path: ["capabilities", "validator", id],
        message: "a validator must judge one binding kind at least",
      });
    }
  }
  return faults;
}

function configFaults({ config }: ManifestFile): readonly ManifestFault[] {
  if (config === undefined) return [];
  const schema = configOf(config);
  if (schema === undefined) return [{ path: ["config"], message: "must hold values that JSON can write" }];
  return schemaFaults(schema).map((fault) => ({ ...fault, path: ["config", ...fault.path] }));
}

/** What YAML can write and JSON cannot, such as `.inf`, is no schema. */
export function configOf(config: object): JsonObject | undefined {
  try {
    const value = fromPlain(config);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function trustFaults({ digests, signature }: ManifestFile): readonly ManifestFault[] {
  return [
    ...(digests !== undefined && Object.hasOwn(digests, manifestFile)
      ? [
          {
            path: ["digests", manifestFile],
            message: "a manifest cannot hold its own digest",
            at: "key" as const,
          },
        ]
      : []),
    ...(signature !== undefined && digests === undefined
      ? [
          {
            path: ["signature"],
            message: "a signature without `digests` would say nothing about the files",
            at: "key" as const,
          },
        ]
      : []),
  ];
}
