/**
 * Where the steps of a run stand when its graph is drawn: the layers from left to right, within a layer in an order that lessens
 * crossings, long edges led around what is between. Pure; the same graph always gives the same drawing.
 *
 * Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981): barycentre sweeps.
 */
import type { PicturedEdge } from "./model.ts";
import { spread } from "./spread.ts";

/** In pixels of the drawing, or columns and rows of a terminal: whoever draws says. */
export interface LayoutSizes {
  readonly width: number;
  readonly height: number;
  /** Between layers, and between the columns of a layer that wraps. */
  readonly gapX: number;
  readonly gapY: number;
  /** Steps that stand below each other; a wider layer takes several columns. */
  readonly rowsMax: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Upper left corner of each step, in the order of the steps. */
  readonly places: readonly Point[];
  /** From the right side of one step to the left side of another, in the order of the edges. */
  readonly routes: readonly (readonly Point[])[];
  /** Left side of each layer, and how many columns it has. */
  readonly layers: readonly { readonly x: number; readonly columns: number; readonly count: number }[];
}

export const pageSizes: LayoutSizes = { width: 168, height: 42, gapX: 48, gapY: 12, rowsMax: 64 };

/** Where long edges would bend more often than this, for each step, they are drawn straight. */
const bendsPerStepMax = 2;
const sweeps = 4;

/** A step, or the place where a long edge passes a layer. */
interface Vertex {
  /** -1 for a bend. */
  readonly step: number;
  readonly layer: number;
  readonly before: number[];
  readonly after: number[];
  order: number;
  y: number;
}

export function layoutGraph(
  steps: readonly { readonly layer: number }[],
  edges: readonly Pick<PicturedEdge, "from" | "to">[],
  sizes: LayoutSizes = pageSizes,
): Layout {
  const graph = new LayeredGraph(steps, edges);
  graph.lessenCrossings();
  return graph.placed(sizes);
}

class LayeredGraph {
  readonly #vertices: Vertex[] = [];
  readonly #layers: number[][] = [];
  /** Of each edge: the vertices that it goes through. */
  readonly #chains: number[][] = [];
  readonly #stepCount: number;

  constructor(
    steps: readonly { readonly layer: number }[],
    edges: readonly Pick<PicturedEdge, "from" | "to">[],
  ) {
    this.#stepCount = steps.length;
    for (const [step, { layer }] of steps.entries()) this.#add(step, layer);
    const passed = ({ from, to }: Pick<PicturedEdge, "from" | "to">) =>
      Math.max(0, (steps[to]?.layer ?? 0) - (steps[from]?.layer ?? 0) - 1);
    const bends = edges.reduce((sum, edge) => sum + passed(edge), 0);
    for (const { from, to } of edges) {
      const first = steps[from]?.layer ?? 0;
      const last = steps[to]?.layer ?? 0;
      const chain = [from];
      if (bends <= bendsPerStepMax * steps.length) {
        for (let layer = first + 1; layer < last; layer += 1) chain.push(this.#add(-1, layer));
      }
      chain.push(to);
      this.#chains.push(chain);
      for (let at = 1; at < chain.length; at += 1) this.#join(chain[at - 1] ?? 0, chain[at] ?? 0);
    }
  }

  lessenCrossings(): void {
    for (let sweep = 0; sweep < sweeps; sweep += 1) {
      const down = sweep % 2 === 0;
      const layers = down ? this.#layers : this.#layers.toReversed();
      for (const layer of layers) this.#reorder(layer, down ? "before" : "after");
    }
  }

  placed(sizes: LayoutSizes): Layout {
    const { width, height, gapX, gapY, rowsMax } = sizes;
    const pitch = height + gapY;
    const wraps = this.#layers.map((layer) => layer.length > rowsMax);
    this.#spreadRows(pitch, wraps);
    const xs = new Float64Array(this.#vertices.length);
    const layers: { x: number; columns: number; count: number }[] = [];
    let x = 0;
    for (const [number, layer] of this.#layers.entries()) {
      const columns = wraps[number] === true ? Math.ceil(layer.length / rowsMax) : 1;
      for (const [at, vertex] of layer.entries()) {
        if (columns > 1) {
          const rows = Math.ceil(layer.length / columns);
          xs[vertex] = x + Math.floor(at / rows) * (width + gapX / 2);
          this.#vertex(vertex).y = ((at % rows) - (rows - 1) / 2) * pitch;
        } else xs[vertex] = x;
      }
      const count = layer.filter((vertex) => this.#vertex(vertex).step >= 0).length;
      layers.push({ x, columns, count });
      x += columns * (width + gapX / 2) + gapX / 2;
    }
    const top = this.#vertices.reduce((least, { y }) => Math.min(least, y), Number.POSITIVE_INFINITY);
    const shift = Number.isFinite(top) ? -top : 0;
    const place = (vertex: number): Point => ({
      x: round(xs[vertex] ?? 0),
      y: round(this.#vertex(vertex).y + shift),
    });
    const bottom = this.#vertices.reduce((most, { y }) => Math.max(most, y + shift), 0);
    return {
      width: Math.max(width, round(x - gapX)),
      height: round(bottom + height),
      places: Array.from({ length: this.#stepCount }, (_, step) => place(step)),
      routes: this.#chains.map((chain) => routeOf(chain.map(place), sizes)),
      layers,
    };
  }

  #add(step: number, layer: number): number {
    while (this.#layers.length <= layer) this.#layers.push([]);
    const row = this.#layers[layer] ?? [];
    const number = this.#vertices.push({ step, layer, before: [], after: [], order: row.length, y: 0 }) - 1;
    row.push(number);
    return number;
  }

  #join(from: number, to: number): void {
    this.#vertex(from).after.push(to);
    this.#vertex(to).before.push(from);
  }

  #vertex(number: number): Vertex {
    const vertex = this.#vertices[number];
    if (vertex === undefined) throw new RangeError(`no vertex ${number}`);
    return vertex;
  }

  /** By the mean place of neighbours; whoever has none stays where it is. */
  #reorder(layer: number[], side: "before" | "after"): void {
    const centre = new Map<number, number>();
    for (const [at, number] of layer.entries()) {
      const neighbours = this.#vertex(number)[side];
      const sum = neighbours.reduce((total, other) => total + this.#part(other), 0);
      centre.set(number, neighbours.length === 0 ? (at + 0.5) / layer.length : sum / neighbours.length);
    }
    layer.sort(
      (left, right) =>
        (centre.get(left) ?? 0) - (centre.get(right) ?? 0) ||
        this.#vertex(left).order - this.#vertex(right).order,
    );
    for (const [at, number] of layer.entries()) this.#vertex(number).order = at;
  }

  /** Where in its layer a vertex stands, from 0 to 1: layers are of different lengths. */
  #part(number: number): number {
    const { order, layer } = this.#vertex(number);
    return (order + 0.5) / (this.#layers[layer]?.length ?? 1);
  }

  /** Heights: as near to the neighbours as the order allows, back and forth. */
  #spreadRows(pitch: number, wraps: readonly boolean[]): void {
    for (const layer of this.#layers) {
      const half = ((layer.length - 1) * pitch) / 2;
      for (const [at, number] of layer.entries()) this.#vertex(number).y = at * pitch - half;
    }
    for (let sweep = 0; sweep < sweeps; sweep += 1) {
      const side = sweep % 2 === 0 ? "before" : "after";
      const numbers = [...this.#layers.keys()];
      for (const number of side === "before" ? numbers : numbers.reverse()) {
        const layer = this.#layers[number] ?? [];
        if (wraps[number] !== true) this.#spreadLayer(layer, side, pitch);
      }
    }
  }

  #spreadLayer(layer: readonly number[], side: "before" | "after", pitch: number): void {
    const wanted = layer.map((number) => {
      const { y, [side]: neighbours } = this.#vertex(number);
      if (neighbours.length === 0) return y;
      return neighbours.reduce((sum, other) => sum + this.#vertex(other).y, 0) / neighbours.length;
    });
    for (const [at, y] of spread(wanted, pitch).entries()) this.#vertex(layer[at] ?? 0).y = y;
  }
}

/** Points along an edge; bends pass where a step would stand. */
function routeOf(corners: readonly Point[], { width, height }: LayoutSizes): readonly Point[] {
  const middle = height / 2;
  return corners.flatMap(({ x, y }, at) => {
    if (at === 0) return [{ x: x + width, y: y + middle }];
    if (at === corners.length - 1) return [{ x, y: y + middle }];
    return [
      { x, y: y + middle },
      { x: x + width, y: y + middle },
    ];
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
