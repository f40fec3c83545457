/**
 * What goes on around a busy controller: services die, deliveries arrive, people hold and release scopes, dashboards and readers of
 * events come and go. It judges nothing; it counts what it did and how often it was answered.
 */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { akc } from "../../e2e/akc.ts";
import type { BusyHost, Scope } from "./world.ts";

export interface Mixed {
  beats: number;
  kills: number;
  deliveries: number;
  refused: number;
  words: number;
  looks: number;
  streams: number;
  reloads: number;
  /** Answers that nobody should get. */
  readonly strange: string[];
}

const everyMs = 500;
const mortal = ["drifting", "still-1", "still-2"] as const;

/** Goes on until `signal`; every kind of thing happens in each minute. */
export async function mixUntil(host: BusyHost, signal: AbortSignal): Promise<Mixed> {
  const mixed: Mixed = {
    beats: 0,
    kills: 0,
    deliveries: 0,
    refused: 0,
    words: 0,
    looks: 0,
    streams: 0,
    reloads: 0,
    strange: [],
  };
  while (!signal.aborted) {
    const begunMs = performance.now();
    mixed.beats += 1;
    const beat = mixed.beats;
    const now = (every: number, at = 0) => beat % every === at;
    await Promise.all([
      look(host, mixed, "/metrics"),
      look(host, mixed, "/v1/status"),
      now(2) ? readEvents(host, mixed) : undefined,
      now(6, 1) ? deliver(host, mixed, "answering") : undefined,
      // Its triggers stay open, and there is room for so many.
      now(60, 2) ? deliver(host, mixed, "failing") : undefined,
      now(40, 3) ? deliver(host, mixed, "rolling") : undefined,
      now(8, 4) ? deliver(host, mixed, "answering", "0".repeat(64)) : undefined,
      now(20, 5) ? say(host, mixed, beat % 40 === 5 ? "pause" : "resume") : undefined,
    ]);
    // What dies five times in ten minutes is, rightly, not brought back: each of them has its turn.
    if (now(96, 6)) mixed.kills += host.kill(mortal[Math.floor(beat / 96) % mortal.length] ?? "drifting");
    if (now(70, 7)) {
      host.autopilot.kill("SIGHUP");
      mixed.reloads += 1;
    }
    if (now(90, 8)) host.autopilot.kill("SIGUSR1");
    await Bun.sleep(Math.max(0, everyMs - (performance.now() - begunMs)));
  }
  return mixed;
}

async function look({ socket }: BusyHost, mixed: Mixed, path: string): Promise<void> {
  const answer = await fetch(`http://akc${path}`, { unix: socket });
  const text = await answer.text();
  mixed.looks += 1;
  if (!answer.ok || text.length === 0) mixed.strange.push(`${path}: ${answer.status}`);
}

/** A reader of events that goes away after what is there first. */
async function readEvents({ socket }: BusyHost, mixed: Mixed): Promise<void> {
  const left = new AbortController();
  const answer = await fetch("http://akc/v1/events", { unix: socket, signal: left.signal });
  const reader = answer.body?.getReader();
  await Promise.race([reader?.read(), Bun.sleep(everyMs / 2)]).catch(() => undefined);
  left.abort();
  await reader?.cancel().catch(() => undefined);
  mixed.streams += 1;
  if (!answer.ok) mixed.strange.push(`/v1/events: ${answer.status}`);
}

async function deliver(host: BusyHost, mixed: Mixed, scope: Scope, signature?: string): Promise<void> {
  const atMs = Date.now();
  const body = JSON.stringify({
    schema: "akc.fleet.webhook_delivery.v1",
    webhook_id: `${scope}-${mixed.beats}`,
    event: "recompile_triggers",
    generated_at_ms: atMs,
    items: [{ tenant_id: "acme", repo_id: scope, outputs_root: host.outputsRoot }],
  });
  const stamp = String(Math.floor(atMs / 1_000));
  const signed = createHmac("sha256", host.secret).update(`${stamp}.${body}`).digest("hex");
  const answer = await fetch("http://akc/v1/trigger", {
    unix: host.socket,
    method: "POST",
    body,
    headers: { "X-AKC-Timestamp": stamp, "X-AKC-Signature": `v2=${signature ?? signed}` },
  });
  await answer.text();
  const expected = signature === undefined ? 202 : 401;
  if (answer.status !== expected) mixed.strange.push(`/v1/trigger: ${answer.status}`);
  mixed[signature === undefined ? "deliveries" : "refused"] += 1;
}

async function say({ outputsRoot, base }: BusyHost, mixed: Mixed, word: "pause" | "resume"): Promise<void> {
  const flags = ["--scope", "acme/worded", "--reason", "soak", "--outputs-root", outputsRoot];
  const ran = await akc(["autopilot", word, ...flags], { cwd: join(base, "out") });
  mixed.words += 1;
  if (ran.exit !== 0) mixed.strange.push(`${word}: ${ran.stderr}`);
}
