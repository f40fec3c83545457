/** `akc bundle sign-packet`, as a release pipeline uses it: what it signs opens the gate that asks for a signature. */
import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { createGates } from "../../src/autopilot/gates/gates.ts";
import { without } from "../../src/policy/deployment/packet-signature.ts";
import { changing } from "../e2e/services.ts";
import { newSigner, packetPath, promote, promoting, sealed, unsealed } from "./packets.ts";
import { inScope, never, type Placed, quietState, type ScopeWorld } from "./scope-world.ts";

const nowMs = 1_795_000_000_000;
const main = join(import.meta.dir, "../../src/main.ts");

function akc(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, main, ...args], {
    env: { ...changing },
    stdout: "pipe",
    stderr: "pipe",
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

async function verdictOf(world: ScopeWorld, offer: Placed, key: string): Promise<string> {
  const gates = createGates({ env: changing, kpi: () => Promise.reject(new Error("asked")) });
  const plain = world.config();
  const scope = {
    ...plain,
    gates: { ...plain.gates, promotion: { require: "signed" as const, publicKeys: [key] } },
  };
  const question = { scope, kind: "rollout" as const, offer, state: quietState, nowMs, openAttempts: 0 };
  const { answers } = await gates.ask(question, never);
  const answer = answers.find(({ gate }) => gate === "promotion");
  return `${answer?.verdict} ${answer?.reason}`;
}

test("a packet that is bound and signed opens the gate, and one that was changed since is not signed", async () => {
  await inScope(async (world) => {
    const signer = await newSigner();
    const publicKey = await world.write("release.pub", `${signer.publicKey}\n`);
    const key = await world.write("release.key", `${signer.privateKey}\n`);
    chmodSync(key, 0o600);
    const offer = await world.place("run-1", promoting());
    const packet = join(world.scopeRoot, packetPath);
    // As a compiler issues it: it does not name the bundle.
    const issued = sealed(without(unsealed(offer, nowMs), ["bundle_sha256"]));
    await promote(world, offer, issued);
    expect(await verdictOf(world, offer, publicKey)).toBe("closed promotion_packet_of_another_run");

    const unbound = akc("bundle", "sign-packet", packet, "--key", key);
    expect([unbound.exitCode, unbound.stderr]).toEqual([2, expect.stringContaining("--bundle")]);

    const unnamed = await world.write("unnamed.json", "{}");
    const issuedText = await Bun.file(packet).text();
    const nowhere = ["--key", key, "--bundle", offer.bundlePath, "--manifest", unnamed];
    expect(akc("bundle", "sign-packet", packet, ...nowhere)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("the manifest names no packet"),
    });
    expect(await Bun.file(packet).text()).toBe(issuedText);

    const signing = ["--key", key, "--bundle", offer.bundlePath, "--manifest", offer.manifestPath];
    const signed = akc("bundle", "sign-packet", packet, ...signing, "-o", "json");
    expect(signed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(signed.stdout)).toMatchObject({
      kind: "PacketSigning",
      bundle_sha256: offer.bundleSha256,
    });
    expect(await verdictOf(world, offer, publicKey)).toBe("open promoted");
    // Signed again it is the same packet: neither the manifest nor the bundle is needed.
    expect(akc("bundle", "sign-packet", packet, "--key", key).exitCode).toBe(0);
    expect(await verdictOf(world, offer, publicKey)).toBe("open promoted");

    const changed = (await Bun.file(packet).text()).replace("live_apply", "staged_apply");
    await Bun.write(packet, changed);
    expect(akc("bundle", "sign-packet", packet, "--key", key)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("is not as it was issued"),
    });
    expect(await Bun.file(packet).text()).toBe(changed);
    expect(await verdictOf(world, offer, publicKey)).toStartWith("closed");
  });
});
