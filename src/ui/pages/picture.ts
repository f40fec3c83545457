/**
 * The picture of a run as parts of its page: graph and time line, as the report draws them, and where time went. It draws nothing
 * itself. Of a large run the browser draws, from data that come with it.
 */
import { pictureData } from "../../picture/html/data.ts";
import { timelineFigure } from "../../picture/html/gantt.ts";
import { graphFigure } from "../../picture/html/graph.ts";
import { html, nothing } from "../../picture/html/markup.ts";
import { rolloutsList, validityPart } from "../../picture/html/outcomes.ts";
import type { RunPicture } from "../../picture/model.ts";
import type { FoundRun, Part } from "../model.ts";
import type { Desk } from "./desk.ts";
import { stepHref } from "./steps.ts";

/** Drawn once, however often the page around it is made. */
export function pictureParts(desk: Desk, run: FoundRun, picture: RunPicture): readonly Part[] {
  const { drawn } = desk.pictures;
  const parts = drawn.get(picture) ?? partsOf(desk, run, picture);
  drawn.set(picture, parts);
  return parts;
}

function partsOf(desk: Desk, run: FoundRun, picture: RunPicture): readonly Part[] {
  const { steps, rollouts, validity } = picture;
  const href = (at: number) => stepHref(desk, run, steps[at]?.actionId ?? "");
  const drawn: readonly Part[] = [
    {
      id: "graph",
      body: html`<section aria-labelledby="graph-head"><h2 id="graph-head">Graph</h2>${graphFigure(picture, href)}</section>`,
    },
    {
      id: "timeline",
      body: html`<section aria-labelledby="timeline-head"><h2 id="timeline-head">Time line</h2>${timelineFigure(picture, href)}</section>`,
    },
  ];
  // Places that stay where they are, whatever comes into them.
  return [
    ...drawn.map((part) => (steps.length === 0 ? { ...part, body: nothing } : part)),
    { id: "data", body: pictureData(picture) },
    {
      id: "rollouts",
      body: rollouts.length === 0 ? nothing : html`<h2>Rollouts</h2>${rolloutsList(picture)}`,
    },
    {
      id: "validity",
      body: validity === undefined ? nothing : html`<h2>Validity</h2>${validityPart(picture)}`,
    },
  ];
}
