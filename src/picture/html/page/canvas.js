/**
 * What the drawings of a large run share: colours of the page, sharp canvases, buttons beside them. It draws nothing itself.
 */
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const elapsed = (ms) => {
    if (ms < 100) return `${Math.round(ms)} ms`;
    if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
    const seconds = Math.floor(ms / 1_000);
    const two = (value) => String(value).padStart(2, "0");
    if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
    return `${Math.floor(seconds / 3_600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
  };
  const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  };
  const tones = {
    succeeded: "good",
    failed: "bad",
    denied: "denied",
    running: "busy",
    retrying: "warn",
    suspended: "warn",
    waiting: "calm",
    blocked: "calm",
    cancelled: "calm",
  };
  const endTones = {
    open: "busy",
    succeeded: "good",
    failed: "bad",
    lost: "bad",
    denied: "denied",
    cancelled: "calm",
    suspended: "calm",
  };
  const kindTones = { ready: "edge", retry: "warn", wait: "busy" };
  const sized = (canvas) => {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return { pen, width, height };
  };
  const soon = (draw) => {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    };
  };
  const font = (size, bold) => `${bold ? "600 " : ""}${size}px system-ui, "DejaVu Sans", sans-serif`;
  const goTo = (step) => {
    const row = document.getElementById(`step-${step}`);
    if (row === null) {
      // A page without such rows leads there itself.
      document.dispatchEvent(new CustomEvent("step", { detail: step }));
      return;
    }
    row.hidden = false;
    location.hash = `step-${step}`;
  };
  const tools = (name, work) => {
    const bar = $(`.canvas-tools[data-for="${name}"]`);
    if (bar === null) return;
    bar.hidden = false;
    for (const part of $$("[data-do]", bar)) {
      part.addEventListener(part.tagName === "BUTTON" ? "click" : "input", () =>
        work[part.dataset.do]?.(part),
      );
    }
  };

  /** Draws what the page's data say into the canvas of that name, and again whenever its size or the colours change. */
  const begin = (id, work) => {
    const told = document.getElementById("picture-data");
    const canvas = document.getElementById(id);
    if (told === null || canvas === null) return;
    const data = { told: 0, ...JSON.parse(told.textContent) };
    const draw = work(canvas, data);
    draw();
    // A page that is live has other data now, in the same place.
    document.addEventListener("picture", () => {
      const fresh = JSON.parse(document.getElementById("picture-data").textContent);
      for (const [key, value] of Object.entries(fresh)) {
        if (!Array.isArray(value)) data[key] = value;
        else {
          data[key].length = 0;
          for (const one of value) data[key].push(one);
        }
      }
      data.told += 1;
      draw();
    });
    new ResizeObserver(draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  };
  globalThis.akcPicture = {
    begin,
    clamp,
    colours,
    elapsed,
    endTones,
    font,
    goTo,
    kindTones,
    sized,
    soon,
    tones,
    tools,
  };
})();
