/** Style, script and icon as they are served: each under a name that holds its hash, so that a browser may keep it. */
import { sha256Hex } from "../../json/fingerprint.ts";
import { pictureScript, pictureStyles } from "../../picture/html/looks.ts";
import script from "./live.js" with { type: "text" };
import style from "./style.css" with { type: "text" };

export interface Asset {
  /** Below the base. */
  readonly name: string;
  readonly contentType: string;
  readonly body: string;
}

export const styleAsset = asset("style", "css", "text/css; charset=utf-8", `${pictureStyles}\n${style}`);
export const scriptAsset = asset("live", "js", "text/javascript; charset=utf-8", script);
/** Makes the pictures of a run move. */
export const pictureAsset = asset("picture", "js", "text/javascript; charset=utf-8", pictureScript);
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d5fb8"/><path d="M8 10h6v5h4v-5h6M11 15v7h10v-7" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/></svg>';
export const iconAsset = asset("icon", "svg", "image/svg+xml", icon);

/** By name. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  [styleAsset, scriptAsset, pictureAsset, iconAsset].map((one) => [one.name, one]),
);

function asset(name: string, suffix: string, contentType: string, body: string): Asset {
  return { name: `${name}-${sha256Hex(body).slice(0, 12)}.${suffix}`, contentType, body };
}
