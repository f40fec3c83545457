/**
 * A whole report: one file that shows a run and needs nothing else, no network and no script. All that comes from the run is text;
 * a policy in the page lets no other script or style run than the two that are in it.
 *
 * Source: https://www.w3.org/TR/CSP3/ (hashes of inline scripts and styles).
 */
import type { RunPicture } from "../model.ts";
import { pictureData } from "./data.ts";
import { timelineFigure } from "./gantt.ts";
import { graphFigure } from "./graph.ts";
import { pictureScript, pictureStyles } from "./looks.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { outputsList, rolloutsList, sealPart, validityPart } from "./outcomes.ts";
import { attention, runFacts, runHead, tiles, titleOf } from "./overview.ts";
import reportStyles from "./page/report.css" with { type: "text" };
import { decisionsTable, evidenceTable, retriesTable, stepsTable } from "./tables.ts";

/** @param madeBy program and version @returns the text of an HTML file, in UTF-8 */
export function reportPage(picture: RunPicture, madeBy: string): string {
  const look = `${reportStyles}\n${pictureStyles}`;
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${sha256Base64(look)}'`,
    `script-src 'sha256-${sha256Base64(pictureScript)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const sections = sectionsOf(picture);
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="${madeBy}">
<title>${titleOf(picture.run)}</title>
<style>${trusted(look)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${runHead(picture)}
<nav aria-label="Parts of the report"><ul>${links}</ul></nav>
<main id="main">
${tiles(picture)}
${attention(picture)}
${sections.map(({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>\n`)}
</main>
<footer><p>Made by ${madeBy}. Times are in UTC. What stands where secrets stand is taken out.</p></footer>
${pictureData(picture)}
<script>${trusted(pictureScript)}</script>
</body>
</html>
`;
  return page.markup;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

function sectionsOf(picture: RunPicture): readonly Section[] {
  const { rollouts, validity } = picture;
  const all: readonly (Section | undefined)[] = [
    { id: "graph-part", title: "Graph", body: graphFigure(picture) },
    { id: "time", title: "Time line", body: timelineFigure(picture) },
    { id: "steps", title: "Steps", body: stepsTable(picture) },
    { id: "retries", title: "Retries", body: retriesTable(picture) },
    { id: "outputs", title: "Outputs", body: outputsList(picture) },
    { id: "decisions", title: "Decisions", body: decisionsTable(picture) },
    rollouts.length === 0 ? undefined : { id: "rollouts", title: "Rollouts", body: rolloutsList(picture) },
    validity === undefined ? undefined : { id: "validity", title: "Validity", body: validityPart(picture) },
    { id: "seal", title: "Verification", body: sealPart(picture) },
    { id: "evidence", title: "Evidence", body: evidenceTable(picture) },
    { id: "facts", title: "The run", body: runFacts(picture) },
  ];
  return all.filter((section) => section !== undefined);
}

function sha256Base64(text: string): string {
  return Bun.SHA256.hash(text, "base64");
}
