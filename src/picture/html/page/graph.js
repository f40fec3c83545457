/**
 * Draws the graph of a large run on its canvas: pan, zoom, keyboard, and the step that is chosen told in words.
 */
(() => {
  const { begin, clamp, colours, font, goTo, sized, soon, tones, tools } = globalThis.akcPicture;

  const drawGraph = (canvas, data) => {
    const { names, stands, phases, places, edges, path } = data;
    const [boxWide, boxHigh] = data.box;
    const said = document.getElementById("graph-said");
    const critical = new Set();
    const next = new Map();
    let told = -1;
    const learn = () => {
      if (told === data.told) return;
      told = data.told;
      critical.clear();
      next.clear();
      for (const [at, step] of path.entries()) {
        critical.add(step);
        if (at > 0) next.set(path[at - 1], step);
      }
    };
    let view = { x: 0, y: 0, scale: 1 };
    let chosen = -1;
    let begun = false;
    const fit = () => {
      const scale = Math.min(
        canvas.clientWidth / (data.width + 40),
        canvas.clientHeight / (data.height + 40),
        1.2,
      );
      view = {
        scale,
        x: (canvas.clientWidth - data.width * scale) / 2,
        y: (canvas.clientHeight - data.height * scale) / 2,
      };
    };
    // A long plan seen whole is a line: it begins where eyes are needed, as high as the canvas.
    const open = () => {
      fit();
      const scale = Math.min(canvas.clientHeight / (data.height + 40), 1);
      if (scale < view.scale * 2) return;
      const urgent = Math.min(...stands);
      const step = urgent < phases.length - 1 ? stands.indexOf(urgent) : 0;
      const x = canvas.clientWidth / 2 - places[2 * step] * scale;
      view = { scale, x: Math.min(20, x), y: (canvas.clientHeight - data.height * scale) / 2 };
    };
    const draw = soon(() => {
      learn();
      if (!begun) {
        open();
        begun = true;
      }
      const { pen, width, height } = sized(canvas);
      const colour = colours();
      const { x, y, scale } = view;
      const [left, top] = [-x / scale - boxWide, -y / scale - boxHigh];
      const [right, bottom] = [(width - x) / scale, (height - y) / scale];
      pen.translate(x, y);
      pen.scale(scale, scale);
      const line = (from, to) => {
        const [ax, ay] = [places[2 * from] + boxWide, places[2 * from + 1] + boxHigh / 2];
        const [bx, by] = [places[2 * to], places[2 * to + 1] + boxHigh / 2];
        if (Math.max(ax, bx) < left || Math.min(ax, bx) > right + boxWide) return;
        if (Math.max(ay, by) < top || Math.min(ay, by) > bottom + boxHigh) return;
        const half = (ax + bx) / 2;
        pen.moveTo(ax, ay);
        if (scale < 0.15) pen.lineTo(bx, by);
        else pen.bezierCurveTo(half, ay, half, by, bx, by);
      };
      pen.lineWidth = Math.max(1, 0.6 / scale);
      pen.strokeStyle = colour("edge");
      pen.globalAlpha = scale < 0.2 ? 0.55 : 1;
      pen.beginPath();
      for (let at = 0; at < edges.length; at += 2) line(edges[at], edges[at + 1]);
      pen.stroke();
      pen.globalAlpha = 1;
      pen.beginPath();
      for (const [from, to] of next) line(from, to);
      pen.strokeStyle = colour("ink");
      pen.lineWidth = Math.max(2, 1.4 / scale);
      pen.stroke();
      if (chosen >= 0) {
        pen.beginPath();
        for (let at = 0; at < edges.length; at += 2)
          if (edges[at] === chosen || edges[at + 1] === chosen) line(edges[at], edges[at + 1]);
        pen.strokeStyle = colour("accent");
        pen.lineWidth = Math.max(2, 2 / scale);
        pen.stroke();
      }
      const ink = colour("ink");
      const kept = new Map(
        phases.map(([phase]) => [phase, [colour(`${tones[phase]}`), colour(`${tones[phase]}-fill`)]]),
      );
      for (const step of names.keys()) {
        const [bx, by] = [places[2 * step], places[2 * step + 1]];
        if (bx < left || bx > right || by < top || by > bottom) continue;
        const [phase, sign] = phases[stands[step]];
        const [tone, fill] = kept.get(phase);
        pen.fillStyle = scale < 0.3 ? tone : fill;
        pen.beginPath();
        if (scale < 0.3) pen.rect(bx, by, boxWide, boxHigh);
        else pen.roundRect(bx, by, boxWide, boxHigh, 8);
        pen.fill();
        const marked = step === chosen || critical.has(step);
        if (scale >= 0.3 || marked) {
          pen.strokeStyle = step === chosen ? colour("accent") : marked ? ink : tone;
          pen.lineWidth = step === chosen ? Math.max(3, 3 / scale) : marked ? Math.max(2.4, 1.2 / scale) : 1;
          pen.stroke();
        }
        if (scale < 0.3) continue;
        pen.fillStyle = tone;
        pen.font = font(15, true);
        pen.fillText(sign, bx + 10, by + 26);
        pen.fillStyle = ink;
        pen.font = font(13, true);
        const name = names[step];
        pen.fillText(name.length > 19 ? `${name.slice(0, 18)}…` : name, bx + 30, by + 26);
      }
    });
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const [px, py] = [
        (event.clientX - box.left - view.x) / view.scale,
        (event.clientY - box.top - view.y) / view.scale,
      ];
      for (const step of names.keys()) {
        const [bx, by] = [places[2 * step], places[2 * step + 1]];
        if (px >= bx && px <= bx + boxWide && py >= by && py <= by + boxHigh) return step;
      }
      return -1;
    };
    const choose = (step) => {
      chosen = step;
      said.textContent =
        step < 0
          ? ""
          : `${names[step]}: ${phases[stands[step]][0]}${critical.has(step) ? ", on the critical path" : ""}`;
      draw();
    };
    const show = (step) => {
      view.scale = Math.max(view.scale, 0.7);
      view.x = canvas.clientWidth / 2 - (places[2 * step] + boxWide / 2) * view.scale;
      view.y = canvas.clientHeight / 2 - (places[2 * step + 1] + boxHigh / 2) * view.scale;
      choose(step);
    };
    const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
      const scale = clamp(view.scale * factor, 0.005, 4);
      view.x = x - ((x - view.x) * scale) / view.scale;
      view.y = y - ((y - view.y) * scale) / view.scale;
      view.scale = scale;
      draw();
    };
    const pointers = new Map();
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (before === undefined) {
        const step = at(event);
        if (step !== chosen && (step >= 0 || !canvas.matches(":focus"))) choose(step);
        return;
      }
      const others = [...pointers.values()].filter(({ pointerId }) => pointerId !== event.pointerId);
      if (others.length === 1) {
        const [other] = others;
        const box = canvas.getBoundingClientRect();
        const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        zoom(
          apart(event) / Math.max(1, apart(before)),
          (event.clientX + other.clientX) / 2 - box.left,
          (event.clientY + other.clientY) / 2 - box.top,
        );
      } else {
        view.x += event.clientX - before.clientX;
        view.y += event.clientY - before.clientY;
        draw();
      }
      moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
      pointers.set(event.pointerId, event);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => {
        pointers.delete(event.pointerId);
        if (kind === "pointerup" && moved < 4) choose(at(event));
      });
    }
    canvas.addEventListener("dblclick", (event) => {
      const step = at(event);
      if (step >= 0) goTo(step);
    });
    // The page scrolls as everywhere until somebody is at work in the drawing.
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && document.activeElement !== canvas) return;
        event.preventDefault();
        const box = canvas.getBoundingClientRect();
        zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const by = 60;
      const keys = {
        ArrowLeft: () => (view.x += by),
        ArrowRight: () => (view.x -= by),
        ArrowUp: () => (view.y += by),
        ArrowDown: () => (view.y -= by),
        "+": () => zoom(1.3),
        "=": () => zoom(1.3),
        "-": () => zoom(1 / 1.3),
        0: fit,
        n: () => show((chosen + 1) % names.length),
        p: () => show((Math.max(0, chosen) + names.length - 1) % names.length),
        Enter: () => chosen >= 0 && goTo(chosen),
      };
      const work =
        event.ctrlKey || event.metaKey || event.altKey
          ? undefined
          : (keys[event.key] ?? keys[event.key.toLowerCase()]);
      if (work === undefined) return;
      event.preventDefault();
      work();
      draw();
    });
    tools("graph", {
      in: () => zoom(1.4),
      out: () => zoom(1 / 1.4),
      fit: () => {
        fit();
        draw();
      },
      find: ({ value }) => {
        const wanted = value.trim().toLowerCase();
        const found = wanted === "" ? -1 : names.findIndex((name) => name.toLowerCase().includes(wanted));
        if (found >= 0) show(found);
        else {
          choose(-1);
          if (wanted !== "") said.textContent = `No step has “${value.trim()}” in its name.`;
        }
      },
    });
    return draw;
  };

  begin("graph", drawGraph);
})();
