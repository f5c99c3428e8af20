// A photograph that can be looked at closely: buttons, a double click, dragging, and with the
// photograph in focus the keys + - 0 p and the arrows. Without it there is the link to the large one.

const MOST = 16;
const STEP = 1.6;

for (const figure of document.querySelectorAll("[data-zoom]")) zoomable(figure);

function zoomable(figure) {
  const inner = figure.querySelector(".photo-inner");
  const picture = inner.querySelector("img");
  const bar = document.querySelector(`[data-zoom-bar="${figure.id}"]`);
  let scale = 1;
  let x = 0;
  let y = 0;

  // The server draws a picture of words with a status of its own where there is no photograph.
  function look() {
    const answer = performance.getEntriesByName(picture.currentSrc).at(-1);
    const missing = picture.naturalWidth === 0 || answer?.responseStatus >= 400;
    figure.classList.toggle("missing", missing);
    bar.hidden = missing;
    if (missing) whole();
  }

  function show(smooth = true) {
    if (figure.classList.contains("missing")) scale = 1;
    const { clientWidth: width, clientHeight: height } = figure;
    scale = Math.min(MOST, Math.max(1, scale));
    x = Math.min(0, Math.max(width * (1 - scale), x));
    y = Math.min(0, Math.max(height * (1 - scale), y));
    inner.classList.toggle("smooth", smooth);
    inner.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    inner.style.setProperty("--scale", scale); // lines stay thin
    figure.classList.toggle("zoomed", scale > 1);
    if (scale > 1.5 && picture.dataset.large) {
      picture.src = picture.dataset.large; // sharp; the small one stays until it is there
      delete picture.dataset.large;
    }
  }

  // The point (left, top) of the frame stays where it is.
  function by(factor, left = figure.clientWidth / 2, top = figure.clientHeight / 2, smooth = true) {
    const next = Math.min(MOST, Math.max(1, scale * factor));
    x = left - ((left - x) * next) / scale;
    y = top - ((top - y) * next) / scale;
    scale = next;
    show(smooth);
  }

  function toPlate() {
    // The plate's box, in shares of the photograph.
    const [left, top, width, height] = figure.dataset.plate.split(" ").map(Number);
    const { clientWidth: wide, clientHeight: high } = figure;
    scale = Math.min(MOST, 0.5 / Math.max(width, height, 0.001));
    x = wide / 2 - scale * wide * (left + width / 2);
    y = high / 2 - scale * high * (top + height / 2);
    show();
  }

  function whole() {
    scale = 1;
    show();
  }

  const acts = { in: () => by(STEP), out: () => by(1 / STEP), plate: toPlate, whole };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "whole", p: "plate" };
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

  bar.hidden = false;
  for (const end of ["load", "error"]) picture.addEventListener(end, look);
  if (picture.complete) look();
  bar.addEventListener("click", (event) => acts[event.target.dataset.act]?.());
  figure.tabIndex = 0;
  figure.classList.add("zoomable");
  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys[event.key]) {
      acts[keys[event.key]]();
      event.stopPropagation();
    } else if (moves[event.key] && scale > 1) {
      x += moves[event.key][0];
      y += moves[event.key][1];
      show();
      event.preventDefault();
    }
  });
  figure.addEventListener("dblclick", (event) => {
    const frame = figure.getBoundingClientRect();
    by(STEP * STEP, event.clientX - frame.left, event.clientY - frame.top);
  });
  figure.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && scale === 1) return; // the page scrolls, as anywhere
      event.preventDefault();
      const frame = figure.getBoundingClientRect();
      const factor = event.deltaY < 0 ? 1.2 : 1 / 1.2;
      by(factor, event.clientX - frame.left, event.clientY - frame.top, false);
    },
    { passive: false },
  );

  let held = null;
  figure.addEventListener("pointerdown", (event) => {
    if (scale === 1 || event.button !== 0) return;
    held = event.pointerId;
    figure.setPointerCapture(held);
  });
  figure.addEventListener("pointermove", (event) => {
    if (event.pointerId !== held) return;
    x += event.movementX;
    y += event.movementY;
    show(false);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    figure.addEventListener(end, () => {
      held = null;
    });
  }
  picture.draggable = false;
  new ResizeObserver(() => show(false)).observe(figure);
}
