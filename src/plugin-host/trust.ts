/**
 * Whether a plugin that was found may be started: its digests, its signature, plugins.lock and the operator's word.
 * Never starts, changes or grants anything; what somebody else could have changed was refused before it comes here.
 */
import { AkcError } from "../errors.ts";
import type { OperatorPolicy, PluginTrust } from "../policy/model.ts";
import { namesPlugin } from "../policy/plugin-words.ts";
import { protocolMajors } from "../sdk/protocol.ts";
import { type FoundPlugin, manifestFile, type PluginManifest, type PluginState } from "./contract.ts";
import { changedFiles, digestOfFiles, type Folder, ownIdentity, readFolder } from "./folder.ts";
import type { LockEntry } from "./lock.ts";
import type { ReadManifest } from "./manifest.ts";
import { holds, signerKey } from "./signature.ts";

/** What the operator says about trust. */
export interface TrustRules {
  readonly trust: PluginTrust;
  /** Public key, `ed25519:…` → name. */
  readonly signers: ReadonlyMap<string, string>;
  /** Patterns of ids; absent does not narrow. */
  readonly allow?: readonly string[];
  readonly deny: readonly string[];
}

export function trustRulesOf(operator: OperatorPolicy | undefined): TrustRules {
  const plugins = operator?.plugins;
  return {
    trust: plugins?.trust ?? "locked",
    signers: new Map([...(plugins?.signers ?? [])].map(([name, key]) => [key, name])),
    ...(plugins?.allow === undefined ? {} : { allow: plugins.allow }),
    deny: plugins?.deny ?? [],
  };
}

export interface Candidate extends ReadManifest {
  readonly folder: Folder;
  /** The folder's name in its directory. */
  readonly name: string;
  readonly embedded: boolean;
  readonly lock: readonly LockEntry[];
  /** Whether the operator switched it off. */
  readonly disabled: boolean;
}

export interface Judgement {
  readonly state: PluginState;
  /** Name of the operator's signer, where its signature holds. */
  readonly signer?: string;
}

export async function judge(candidate: Candidate, rules: TrustRules): Promise<Judgement> {
  const { manifest, folder } = candidate;
  const signature = await signatureOf(candidate, rules);
  const signed = signature.kind === "known" ? { signer: signature.name } : {};
  const verdict = (state: PluginState): Judgement => ({ state, ...signed });
  const unlike = unlikeDigests(manifest, folder);
  if (unlike.length > 0) return verdict({ kind: "modified", files: unlike });
  if (signature.kind === "broken") return verdict({ kind: "invalid", error: brokenSignature(manifest) });
  const denied = deniedBy(manifest.id, rules);
  if (denied !== undefined) return verdict({ kind: "untrusted", why: denied });
  if (!candidate.embedded) {
    const refusal = refusalOf(candidate, rules, signature.kind);
    if (refusal !== undefined) return verdict(refusal);
  }
  if (!protocolMajors.some((major) => major >= manifest.api.min && major <= manifest.api.max)) {
    return verdict({ kind: "invalid", error: unsupported(manifest) });
  }
  return verdict(candidate.disabled ? { kind: "disabled" } : { kind: "ready" });
}

/** Where the manifest lists digests, every file but the manifest itself must be as listed, and no other be there. */
function unlikeDigests(manifest: PluginManifest, folder: Folder): readonly string[] {
  if (manifest.digests.size === 0) return [];
  const files = new Map(folder.files);
  files.delete(manifestFile);
  return changedFiles(manifest.digests, files);
}

type SignatureState =
  | { readonly kind: "none" }
  | { readonly kind: "broken" }
  | { readonly kind: "unknown" }
  | { readonly kind: "known"; readonly name: string };

async function signatureOf(candidate: Candidate, { signers }: TrustRules): Promise<SignatureState> {
  const { signature } = candidate.manifest;
  if (signature === undefined) return { kind: "none" };
  if (!(await holds(candidate.signedText(), signature))) return { kind: "broken" };
  const name = signers.get(signerKey(signature));
  return name === undefined ? { kind: "unknown" } : { kind: "known", name };
}

/** What was locked and is not as it was is modified whatever the rules; the rest depends on them. */
function refusalOf(
  { folder, name, lock }: Candidate,
  { trust }: TrustRules,
  signature: SignatureState["kind"],
): PluginState | undefined {
  const entry = lock.find((known) => known.folder === name);
  if (entry !== undefined) {
    const changed = changedFiles(entry.files, folder.files);
    if (changed.length > 0) return { kind: "modified", files: changed };
  }
  switch (trust) {
    case "any":
      return undefined;
    case "locked":
      return entry === undefined ? { kind: "untrusted", why: "it is not in plugins.lock" } : undefined;
    case "signed":
      if (signature === "known") return undefined;
      return {
        kind: "untrusted",
        why: signature === "none" ? "it is not signed" : "its signer is none of the operator's `signers`",
      };
  }
}

function deniedBy(id: string, { allow, deny }: TrustRules): string | undefined {
  if (namesPlugin(deny, id)) return "the operator's policy denies it (plugins.deny)";
  return allow === undefined || namesPlugin(allow, id)
    ? undefined
    : "the operator's policy does not allow it (plugins.allow)";
}

function brokenSignature({ id, version }: PluginManifest): AkcError {
  return new AkcError("PLUGIN_SIGNATURE_INVALID", { details: { plugin: id, version } });
}

function unsupported({ id, version, api }: PluginManifest): AkcError {
  return new AkcError("PLUGIN_PROTOCOL_UNSUPPORTED", {
    details: {
      plugin: id,
      version,
      speaks: `${api.min} to ${api.max}`,
      akc_speaks: protocolMajors.join(", "),
    },
  });
}

/**
 * Names of the files that are not as they were when the plugin was found; none if all are. To be asked again before each
 * start: what was verified is then what runs, as far as nobody but root and this user can write there.
 */
export async function verifyFiles(plugin: FoundPlugin): Promise<readonly string[]> {
  const folder = readFolder(plugin.root, ownIdentity());
  if (folder.kind === "refused") return [folder.why];
  return digestOfFiles(folder.files) === plugin.digest ? [] : changedFiles(plugin.files, folder.files);
}

/** A plugin that is ready, or the reason why it is not. @throws AkcError PLUGIN_DISABLED, PLUGIN_UNTRUSTED, PLUGIN_MODIFIED, … */
export function readyPlugin(plugin: FoundPlugin): FoundPlugin {
  const { state, manifest, root } = plugin;
  const details = { plugin: manifest.id, version: manifest.version, root };
  switch (state.kind) {
    case "ready":
      return plugin;
    case "disabled":
      throw new AkcError("PLUGIN_DISABLED", { details });
    case "invalid":
      throw state.error;
    case "untrusted":
      throw new AkcError("PLUGIN_UNTRUSTED", {
        message: `the plugin is not trusted: ${state.why}`,
        details,
      });
    case "modified":
      throw new AkcError("PLUGIN_MODIFIED", { details: { ...details, files: state.files } });
  }
}
