/** `akc bundle sign-packet`: binds a promotion packet to one bundle and signs it, for gates that ask for a signature. */
import { resolve } from "node:path";
import { member, objectAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { prettyJson } from "../../json/canonical.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { sealKey, signaturesKey, signedPacket, without } from "../../policy/deployment/packet-signature.ts";
import { readFileBounded, writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import { readPrivateKey } from "../plugin/key-files.ts";
import { readJson } from "../read-json.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";

export const signPacket = command({
  path: "bundle sign-packet",
  summary: "Sign a promotion packet.",
  notes: [
    "The signature is ed25519 over the packet's canonical JSON without `packet_signature_sha256` and `signatures`. It binds the bundle by its hash: a packet that does not name one yet needs --bundle, and then the compile manifest that names the packet by its digest needs --manifest.",
    "Keys are made with `akc plugin keygen`; the public one goes into `gates.promotion.public_keys` of the autopilot's configuration.",
  ],
  examples: [
    {
      command:
        "akc bundle sign-packet step-1.packet.json --key release.key --bundle release.json --manifest run-1.manifest.json",
      says: "As the last step of a release.",
    },
  ],
  exits: [0, 2],
  args: {
    packet: { type: "positional", required: true, valueHint: "PACKET", description: "The promotion packet." },
    key: { type: "string", required: true, valueHint: "FILE", description: "The private key." },
    bundle: { type: "string", valueHint: "FILE", description: "The bundle that it promotes." },
    manifest: {
      type: "string",
      valueHint: "FILE",
      description: "The compile manifest whose digest of the packet is to follow.",
    },
  },
  async run(args, session) {
    const path = resolve(args.packet);
    const before = await objectIn(path, limits.promotionPacketBytesMax);
    const manifest = args.manifest === undefined ? undefined : await manifestIn(resolve(args.manifest));
    const bundleSha256 = args.bundle === undefined ? undefined : fingerprint(await readJson(args.bundle));
    const bound = boundTo(before, bundleSha256);
    const { packet, keyId } = signedPacket(bound, await readPrivateKey(resolve(args.key)));
    await writeFileAtomic(path, prettyJson(packet));
    // Signatures are left out of it: another one changes nothing of what the manifest names.
    const sha256 = fingerprint(without(packet, [signaturesKey]));
    if (manifest !== undefined) await rename(manifest, sha256);
    await session.print({
      data: {
        kind: "PacketSigning",
        path,
        key_id: keyId,
        bundle_sha256: textAt(packet, "bundle_sha256") ?? "",
        packet_sha256: sha256,
      },
      text: () =>
        facts([
          ["signed", printable(path)],
          ["key", keyId],
          ["bundle", textAt(packet, "bundle_sha256") ?? ""],
          ["packet", sha256],
        ]),
    });
    return 0;
  },
});

/** With the bundle's hash in it, and sealed without its signatures. @throws AkcError USAGE */
function boundTo(packet: JsonObject, bundleSha256: string | undefined): JsonObject {
  const named = textAt(packet, "bundle_sha256")?.toLowerCase();
  const wanted = bundleSha256 ?? named;
  if (wanted === undefined) {
    throw new AkcError("USAGE", {
      message: "the packet names no bundle that a signature could bind",
      hint: "Name the bundle with --bundle FILE.",
    });
  }
  refuseChanged(packet);
  const content = without({ ...packet, bundle_sha256: wanted }, [sealKey, signaturesKey]);
  const signatures = member(packet, signaturesKey);
  return {
    ...content,
    [sealKey]: fingerprint(content),
    // Signatures of what it was before hold no more.
    ...(wanted === named && signatures !== undefined ? { [signaturesKey]: signatures } : {}),
  };
}

/** Nobody is to sign by mistake what somebody has changed. @throws AkcError USAGE */
function refuseChanged(packet: JsonObject): void {
  const sealed = textAt(packet, sealKey)?.toLowerCase();
  const bare = without(packet, [sealKey]);
  if (sealed === undefined || sealed === fingerprint(bare)) return;
  if (sealed === fingerprint(without(bare, [signaturesKey]))) return;
  throw new AkcError("USAGE", {
    message: `the packet is not as it was issued: its ${sealKey} is another one's`,
    hint: "Let it be issued anew.",
  });
}

interface Manifest {
  readonly path: string;
  readonly content: JsonObject;
  readonly ref: JsonObject;
}

/** Read before anything is signed: a digest in a manifest that says of no packet where it lies promotes nothing. @throws AkcError USAGE */
async function manifestIn(path: string): Promise<Manifest> {
  const content = await objectIn(path, limits.jsonTextBytesMax);
  const ref = objectAt(objectAt(content, "control_plane"), "promotion_packet_ref");
  if (textAt(ref, "path") !== undefined) return { path, content, ref };
  throw new AkcError("USAGE", {
    message: "the manifest names no packet: its control_plane.promotion_packet_ref.path is missing",
    hint: "Let the compile name it, by its path below the scope, such as .akc/promotion/step-1.packet.json.",
    details: { path },
  });
}

/** Writes the packet's new digest into the manifest that names it. */
async function rename({ path, content, ref }: Manifest, sha256: string): Promise<void> {
  const named = { ...objectAt(content, "control_plane"), promotion_packet_ref: { ...ref, sha256 } };
  await writeFileAtomic(path, prettyJson({ ...content, control_plane: named }));
}

async function objectIn(path: string, bytesMax: number): Promise<JsonObject> {
  const value = parseJson(await readFileBounded(path, bytesMax));
  if (isJsonObject(value)) return value;
  throw new AkcError("USAGE", { message: "the file holds no JSON object", details: { path } });
}
