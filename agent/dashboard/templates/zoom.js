// Zooms every chart with a frame: drag a rectangle, or press + and - on the chart, Shift with an
// arrow to move, 0 or a double click for all of it. What is shown is in the URL: figure, then shares
// of its frame.
"use strict";
const zoom = (() => {
  const SVG = "http://www.w3.org/2000/svg", WHOLE = [0, 1, 0, 1], LEAST = 0.002, DRAG = 6, STEP = 1.5, MOVE = 0.2;
  const POINTS = "a.dot, a.point, circle.front, text.limit, text.pause", SHAPES = "path.band, path.steps, path.limit, path.cut, g.cells > path, a.curve > path, a.slot > rect";
  let ask = null, asked = null, dragged = null, swallow = false, clips = 0;

  const numbers = (text) => text.split(" ").map(Number);
  const figures = () => [...document.querySelectorAll("svg[data-figure]")];
  const named = (name) => figures().find((svg) => svg.dataset.figure === name);
  const read = (state) => new Map((state.get("zoom") ?? "").split(";").map((part) => part.split(":")).filter(([, place]) => place).map(([name, place]) => [name, place.split(",").map(Number)]).filter(([, box]) => sound(box)));
  const sound = (box) => box.length === 4 && box.every((share) => share >= 0 && share <= 1) && box[1] - box[0] >= LEAST && box[3] - box[2] >= LEAST;

  // A chart with `along` is zoomed along x only: what its y says are lanes.
  function set(name, asks) {
    const boxes = read(asked()), box = asks && named(name)?.dataset.along ? [asks[0], asks[1], 0, 1] : asks;
    if (!box || box.every((share, i) => share === WHOLE[i])) boxes.delete(name);
    else boxes.set(name, box);
    const text = [...boxes].map(([figure, place]) => `${figure}:${place.map((share) => +share.toFixed(4)).join(",")}`).join(";");
    ask({ zoom: text || null });
  }

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent?.append(element);
    return element;
  };

  function show(state) {
    const boxes = read(state);
    for (const svg of figures()) {
      const box = boxes.get(svg.dataset.figure), key = String(box ?? "");
      if ((svg.dataset.box ?? "") === key) continue;
      svg.dataset.box = key;
      apply(svg, box ?? WHOLE);
    }
  }

  // What is drawn moves; strokes, marks and letters keep their size.
  function apply(svg, [x0, x1, y0, y1]) {
    const [left, top, right, bottom] = numbers(svg.dataset.frame), whole = x0 === 0 && x1 === 1 && y0 === 0 && y1 === 1;
    const sx = 1 / (x1 - x0), sy = 1 / (y1 - y0);
    const tx = left - (left + x0 * (right - left)) * sx, ty = top - (top + (1 - y1) * (bottom - top)) * sy;
    svg.classList.toggle("zoomed", !whole);
    clip(svg, whole, [left, top, right, bottom]);
    for (const shape of svg.querySelectorAll(SHAPES)) whole ? shape.removeAttribute("transform") : shape.setAttribute("transform", `matrix(${sx} 0 0 ${sy} ${tx} ${ty})`);
    for (const point of svg.querySelectorAll(POINTS)) {
      const [x, y] = centre(point), stays = y > bottom || point.matches(".pause");
      const atX = x * sx + tx, atY = stays ? y : y * sy + ty;
      const outside = atX < left - 1 || atX > right + 1 || (!stays && (atY < top - 1 || atY > bottom + 1));
      point.classList.toggle("outside", !whole && outside);
      whole ? point.removeAttribute("transform") : point.setAttribute("transform", `translate(${atX - x} ${atY - y})`);
    }
    ticks(svg, whole, { sx, sy, tx, ty, left, top, right, bottom });
  }

  function centre(point) {
    if (point.dataset.at) return numbers(point.dataset.at);
    const circle = point.matches("circle") ? point : point.querySelector("circle");
    let at;
    if (circle) at = [circle.getAttribute("cx"), circle.getAttribute("cy")];
    else if (point.matches("text")) at = [point.getAttribute("x"), point.getAttribute("y")];
    else { const box = point.getBBox(); at = [box.x + box.width / 2, box.y + box.height / 2]; }
    point.dataset.at = at.join(" ");
    return at.map(Number);
  }

  function clip(svg, whole, [left, top, right, bottom]) {
    if (!svg.dataset.clip && !whole) {
      svg.dataset.clip = `zoom${++clips}`;
      make("rect", { x: left, y: top, width: right - left, height: bottom - top }, make("clipPath", { id: svg.dataset.clip }, svg));
    }
    for (const shape of svg.querySelectorAll("path.band, path.steps, path.limit, path.cut, g.cells, a.slot")) {
      if (whole && shape.parentNode.matches("g.held")) shape.parentNode.replaceWith(shape);
      // A clip moves with what it clips: it belongs to a group around that.
      else if (!whole && !shape.parentNode.matches("g.held")) {
        const held = make("g", { class: "held", "clip-path": `url(#${svg.dataset.clip})` });
        shape.replaceWith(held);
        held.append(shape);
      }
    }
  }

  function ticks(svg, whole, { sx, sy, tx, ty, left, top, right, bottom }) {
    svg.querySelector("g.fresh")?.remove();
    if (whole) return;
    const fresh = make("g", { class: "axes fresh" });
    if (svg.dataset.along) return hours(svg, fresh, { sx, tx, left, right, bottom });
    const sample = (selector, name, otherwise) => Number(svg.querySelector(selector)?.getAttribute(name) ?? otherwise);
    const low = sample("text.x:not(.label), text.start", "y", bottom + 18), aside = sample("text.y:not(.label)", "x", left - 8);
    let last = -Infinity;
    for (const [at, label] of values(svg.dataset.x, left, right, sx, tx)) {
      if (at - last < 46) continue;
      last = at;
      make("text", { class: "x", x: at, y: low }, fresh, label + (svg.dataset.unit ?? ""));
    }
    last = Infinity;
    for (const [at, label] of values(svg.dataset.y, bottom, top, sy, ty)) {
      if (last - at < 16) continue;
      last = at;
      make("path", { class: "grid", d: `M${left} ${at}H${right}` }, fresh);
      make("text", { class: "y", x: aside, y: at + 4 }, fresh, label);
    }
    svg.prepend(fresh);
  }

  // Times of day below the lanes, and the numbers of trials in the bars that have room for them.
  function hours(svg, fresh, { sx, tx, left, right, bottom }) {
    const [[unit, most, ...steps], ...sessions] = svg.dataset.times.split(";").map(numbers), shown = (right - left) / (unit * sx);
    const step = steps.find((seconds) => shown / seconds <= most) ?? 86400 * Math.ceil(shown / most / 86400);
    let last = -Infinity;
    for (const [begin, end, from] of sessions) {
      const at = (x) => begin + ((x - tx) / sx - from) / unit, stop = Math.min(end, at(right));
      for (let time = Math.ceil(Math.max(begin, at(left)) / step) * step; time <= stop; time += step) {
        const x = (from + (time - begin) * unit) * sx + tx;
        if (x - last < 66) continue;
        last = x;
        make("text", { class: "x", x, y: bottom + 20 }, fresh, new Date(1000 * time).toISOString().slice(11, step < 60 ? 19 : 16));
      }
    }
    for (const bar of svg.querySelectorAll("a.slot")) {
      const [x, y, width] = ["x", "y", "width"].map((name) => Number(bar.querySelector("rect").getAttribute(name)));
      const begin = Math.max(left, x * sx + tx), end = Math.min(right, (x + width) * sx + tx), text = `#${bar.dataset.trial}`;
      if (end - begin >= 9 * text.length + 6) make("text", { class: "inside middle", x: (begin + end) / 2, y: y + 16 }, fresh, text);
    }
    svg.append(fresh);
  }

  // Round values between the two ends of the part that is shown, with their places.
  function values(scale, from, to, stretch, shift) {
    if (!scale) return [];
    const [low, high, start, end, log] = numbers(scale), ends = log ? [Math.log10(low), Math.log10(high)] : [low, high];
    const at = (place) => ends[0] + ((place - shift) / stretch - start) / (end - start || 1) * (ends[1] - ends[0]);
    const [first, second] = [at(from), at(to)], marks = log ? curves.powers(first, second) : curves.rounds(first, second);
    const place = (value) => (start + ((log ? Math.log10(value) : value) - ends[0]) / (ends[1] - ends[0] || 1) * (end - start)) * stretch + shift;
    return marks.map(([value, label]) => [place(value), label]).filter(([spot]) => spot >= Math.min(from, to) - 0.5 && spot <= Math.max(from, to) + 0.5);
  }

  // ------------------------------------------------------------ mouse and keyboard

  function inView(svg, event) {
    const spot = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const [left, top, right, bottom] = numbers(svg.dataset.frame), hold = (value) => Math.min(1, Math.max(0, value));
    return { x: hold((spot.x - left) / (right - left)), y: hold((bottom - spot.y) / (bottom - top)), inside: spot.x >= left && spot.x <= right && spot.y >= top && spot.y <= bottom };
  }

  const now = (svg) => read(asked()).get(svg.dataset.figure) ?? WHOLE;
  const part = ([x0, x1, y0, y1], a, b, c, d) => [x0 + a * (x1 - x0), x0 + b * (x1 - x0), y0 + c * (y1 - y0), y0 + d * (y1 - y0)];

  function start(event) {
    const svg = event.target.closest?.("svg[data-figure]");
    swallow = false;
    if (!svg || event.button || event.pointerType === "touch" || event.shiftKey) return;
    const spot = inView(svg, event);
    if (spot.inside) dragged = { svg, spot, x: event.clientX, y: event.clientY, rect: null };
  }

  function move(event) {
    if (!dragged) return;
    const { svg, spot, x, y } = dragged;
    if (!dragged.rect && Math.hypot(event.clientX - x, event.clientY - y) < DRAG) return;
    dragged.rect ??= make("rect", { class: "selecting" }, svg);
    const [left, top, right, bottom] = numbers(svg.dataset.frame), to = inView(svg, event);
    dragged.to = to;
    const [a, b, c, d] = [Math.min(spot.x, to.x), Math.max(spot.x, to.x), Math.min(spot.y, to.y), Math.max(spot.y, to.y)];
    for (const [name, value] of Object.entries({ x: left + a * (right - left), y: bottom - d * (bottom - top), width: (b - a) * (right - left), height: (d - c) * (bottom - top) })) dragged.rect.setAttribute(name, value);
  }

  function end() {
    const { svg, spot, to, rect } = dragged ?? {};
    dragged = null;
    if (!rect) return;
    rect.remove();
    swallow = true;  // the click that ends a drag opens no trial
    const box = part(now(svg), Math.min(spot.x, to.x), Math.max(spot.x, to.x), Math.min(spot.y, to.y), Math.max(spot.y, to.y));
    if (sound(box)) set(svg.dataset.figure, box);
  }

  function press(event) {
    const svg = event.target.closest?.("svg[data-figure]");
    if (!svg || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = now(svg), grow = { "+": 1 / STEP, "=": 1 / STEP, "-": STEP }[event.key];
    const [dx, dy] = (event.shiftKey && { ArrowLeft: [-MOVE, 0], ArrowRight: [MOVE, 0], ArrowUp: [0, MOVE], ArrowDown: [0, -MOVE] }[event.key]) || [0, 0];
    if (event.key === "0") set(svg.dataset.figure, null);
    else if (grow) set(svg.dataset.figure, [...around(box[0], box[1], grow), ...around(box[2], box[3], grow)]);
    else if (dx || dy) set(svg.dataset.figure, [...beside(box[0], box[1], dx), ...beside(box[2], box[3], dy)]);
    else return;
    event.preventDefault();
  }

  function around(low, high, factor) {
    const middle = (low + high) / 2, half = Math.max(LEAST, (high - low) * factor) / 2;
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  }

  function beside(low, high, by) {
    const shift = Math.max(-low, Math.min(1 - high, by * (high - low)));
    return [low + shift, high + shift];
  }

  function init(change, state) {
    [ask, asked] = [change, state];
    document.addEventListener("pointerdown", start);
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
    document.addEventListener("keydown", press);
    document.addEventListener("dragstart", (event) => { if (event.target.closest?.("svg[data-figure]")) event.preventDefault(); });
    document.addEventListener("dblclick", (event) => {
      const svg = event.target.closest?.("svg[data-figure]");
      if (svg && !event.target.closest("a")) set(svg.dataset.figure, null);
    });
    document.addEventListener("click", (event) => {
      if (!swallow) return;
      swallow = false;
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  return { init, show, named };
})();
