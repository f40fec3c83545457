/**
 * What is answered to whom, in this order: nobody who was led here by another page, then the link that opens, then only those who are in.
 * It reads for them and hands on what they say; its own faults show nothing of what is inside.
 */

import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { html } from "../picture/html/markup.ts";
import { eventStreamType } from "../service/outside/event-stream.ts";
import type { Access } from "./access.ts";
import { answerWith, assetAnswer, goTo, pageAnswer, refusalAnswer } from "./answer.ts";
import { assets, iconAsset, pictureAsset, scriptAsset, styleAsset } from "./assets/assets.ts";
import { refusalOf } from "./border.ts";
import { changeStream } from "./live/stream.ts";
import type { Watching } from "./live/watch.ts";
import type { Page } from "./model.ts";
import { chartOf } from "./pages/autopilot.ts";
import type { Asked, Desk } from "./pages/desk.ts";
import { evidenceText } from "./pages/evidence.ts";
import { framed, outside } from "./pages/frame.ts";
import { faultPage, toldPage } from "./pages/note.ts";
import { pageAt, runAt, stampFor } from "./pages/page-at.ts";
import { formOf, speak } from "./say.ts";

export interface RouteDeps {
  readonly desk: Desk;
  readonly access: Access;
  readonly watching: Watching;
  /** Of readers of changes, now. */
  readonly streams: { open: number };
  readonly stopping: AbortSignal;
  /** Told each word that was said, and what came of it. */
  said(line: string): void;
}

export async function answerTo(request: Request, deps: RouteDeps): Promise<Response> {
  const { desk, access } = deps;
  const refusal = refusalOf(request, desk.control !== undefined);
  if (refusal !== undefined) {
    const allow = desk.control === undefined ? "GET, HEAD" : "GET, HEAD, POST";
    return refusalAnswer(refusal.status, refusal.error, refusal.status === 405 ? { allow } : {});
  }
  const url = new URL(request.url);
  if (!url.pathname.startsWith(access.base)) return stranger(url.pathname === "/" ? 401 : 404);
  const below = url.pathname.slice(access.base.length);
  const asset = assets.get(below);
  if (asset !== undefined) return assetAnswer(asset.contentType, asset.body);
  if (below === "open") return opened(request, url, access);
  if (!access.isIn(request.headers.get("cookie"))) return stranger(401, access.base);
  const asked = askedOf(below, url.searchParams);
  if (asked === undefined) return refusalAnswer(400, "address_malformed");
  if (request.method === "POST") return saidAnswer(request, asked, deps);
  return shown(asked, request.method === "HEAD", deps);
}

/** Undefined where a part of the path is not what it stands for. */
export function askedOf(below: string, params: URLSearchParams): Asked | undefined {
  try {
    return {
      path: below
        .split("/")
        .filter((part) => part !== "")
        .map(decodeURIComponent),
      params,
    };
  } catch {
    return undefined;
  }
}

/** The link that opens, once. A browser that was led here from elsewhere keeps a strict cookie back for one step: the page takes it. */
function opened(request: Request, url: URL, access: Access): Response {
  if (request.method !== "GET") return refusalAnswer(405, "method_not_allowed", { allow: "GET" });
  const { base } = access;
  const cookie = access.open(url.searchParams.get("token") ?? "");
  if (cookie === undefined) {
    return access.isIn(request.headers.get("cookie")) ? goTo(base) : stranger(401, base);
  }
  const set = { "set-cookie": cookie };
  if (request.headers.get("sec-fetch-site") !== "cross-site") return goTo(base, set);
  const style = base + styleAsset.name;
  return pageAnswer(200, outside("Opened", html`<p><a href="${base}">Go on</a></p>`, { style }, base), set);
}

function stranger(status: number, base?: string): Response {
  const words =
    base === undefined
      ? html`<p>Open the link that <code>akc ui</code> has printed.</p>`
      : html`<p>Open the link that <code>akc ui</code> has printed; each opens once, and the next one is printed then.</p>
<form method="get" action="${`${base}open`}"><label>Or its token <input name="token" type="password" required autocomplete="off"></label><button>Open</button></form>`;
  return pageAnswer(status, outside("Not open", words, { style: `${base ?? "/"}${styleAsset.name}` }));
}

async function shown(asked: Asked, isHead: boolean, deps: RouteDeps): Promise<Response> {
  const { desk } = deps;
  const [place, ...rest] = asked.path;
  if (place === "live" && rest.length === 0)
    return isHead ? refusalAnswer(405, "method_not_allowed") : changes(asked, deps);
  if (place === "autopilot" && rest[0] === "chart.svg" && rest.length === 1) {
    return picture(await chartOf(desk, asked));
  }
  if (place === "runs" && rest.length === 4 && rest[3] === "file") return file(asked, deps);
  const page = await pageAt(desk, asked);
  return framedAnswer(page, asked, deps);
}

function framedAnswer(page: Page, asked: Asked, { desk, access: { base } }: RouteDeps): Response {
  const frame = {
    base,
    style: base + styleAsset.name,
    script: base + scriptAsset.name,
    pictureScript: base + pictureAsset.name,
    icon: base + iconAsset.name,
    live: page.live ? `${base}live?${new URLSearchParams({ page: addressOf(asked) })}` : undefined,
    sender: desk.control?.sender,
    outputsRoot: desk.outputs.root,
  };
  return pageAnswer(page.status ?? 200, framed(page, frame));
}

/** Below the base. */
function addressOf({ path, params }: Asked): string {
  const query = params.toString();
  return path.map(encodeURIComponent).join("/") + (query === "" ? "" : `?${query}`);
}

/** A picture has a style of its own, which runs nothing: it is allowed by its hash, and to the picture alone. */
function picture(svg: string): Response {
  const style = /<style>([\s\S]*?)<\/style>/.exec(svg)?.[1] ?? "";
  const hash = Bun.SHA256.hash(style, "base64");
  return answerWith(200, "image/svg+xml", svg, {
    "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'`,
  });
}

/** As text, whatever it is: nothing in it runs. */
async function file(asked: Asked, deps: RouteDeps): Promise<Response> {
  try {
    const text = await evidenceText(await runAt(deps.desk, asked), asked);
    return answerWith(200, "text/plain; charset=utf-8", text, {
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
  } catch (cause) {
    if (cause instanceof AkcError) return framedAnswer(faultPage(cause), asked, deps);
    throw cause;
  }
}

/** `page`: what is looked at; `has`: `<part>.<digest>~…`, what the reader has of it. */
function changes({ params }: Asked, deps: RouteDeps): Response {
  const { desk, watching, streams, stopping } = deps;
  const page = URL.parse(params.get("page") ?? "", "http://page/");
  const asked = page === null ? undefined : askedOf(page.pathname, page.searchParams);
  if (page === null || asked === undefined) return refusalAnswer(400, "page_malformed");
  if (streams.open >= limits.uiStreamsMax)
    return refusalAnswer(503, "too_many_readers", { "retry-after": "10" });
  streams.open += 1;
  const has = new Map<string, string>();
  for (const one of (params.get("has") ?? "").split("~")) {
    const [id = "", sum = ""] = one.split(".", 2);
    has.set(id, sum);
  }
  const watched = {
    stamp: () => stampFor(desk, asked),
    parts: async () => (await pageAt(desk, asked)).parts,
  };
  const body = changeStream({
    begin: (take) => watching.follow(addressOf(asked), watched, { has, take }),
    ended() {
      streams.open -= 1;
    },
    signal: stopping,
  });
  return answerWith(200, eventStreamType, body);
}

async function saidAnswer(request: Request, asked: Asked, deps: RouteDeps): Promise<Response> {
  const { desk, access, said } = deps;
  const { control } = desk;
  const [place, to, ...rest] = asked.path;
  if (control === undefined || place !== "say" || to === undefined || rest.length > 0) {
    return refusalAnswer(405, "method_not_allowed", { allow: "GET, HEAD" });
  }
  try {
    const form = await formOf(request, access);
    const spoken = await speak(control, to, form);
    if (spoken === undefined) return refusalAnswer(404, "not_found");
    const { about, told, back } = spoken;
    said(
      `${control.sender}: ${about}: ${told.isDone ? "done" : `refused${told.code === undefined ? "" : ` [${told.code}]`}`}`,
    );
    if (told.isDone && to === "answer") return goTo(access.base + back);
    return framedAnswer(toldPage(told, access.base + back), asked, deps);
  } catch (cause) {
    if (cause instanceof AkcError) return framedAnswer(faultPage(cause), asked, deps);
    throw cause;
  }
}
