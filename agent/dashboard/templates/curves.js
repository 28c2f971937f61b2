// Draws the training curves of the chosen trials one over another. The choice, the smoothing and
// the axes are in the URL, like everything else.
"use strict";
const curves = (() => {
  const H = 380, LEFT = 64, TOP = 14, BOTTOM = 332, END = 52, NARROWEST = 320, WIDEST = 1280, MOST = 12, STYLES = 6;
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (selector) => document.querySelector(selector);
  let all = new Map(), first = [], clips = 0;

  function read() {
    const data = JSON.parse($("#losses")?.textContent || '{"curves": [], "shown": []}');
    all = new Map(data.curves.map((curve) => [String(curve.number), curve]));
    first = data.shown.map(String);
  }

  const chosen = (state) => {
    const wanted = state.get("lines");
    if (wanted === null) return first;
    return [...new Set(wanted.match(/\d+/g) || [])].filter((number) => all.has(number)).slice(0, MOST);
  };
  const kept = () => [...all.values()].filter((curve) => ["baseline", "keep", "simplify"].includes(curve.status)).slice(-MOST).map((curve) => String(curve.number));

  function toggled(state, number) {
    const now = chosen(state);
    if (!all.has(number)) return null;
    const next = now.includes(number) ? now.filter((other) => other !== number) : [...now, number].slice(-MOST);
    return next.join(",") || "none";
  }

  // An exponential moving average that is not drawn towards zero at its beginning.
  function smoothed(points, weight) {
    let sum = 0, total = 0;
    return points.map(([share, loss]) => {
      sum = sum * weight + loss;
      total = total * weight + 1;
      return [share, sum / total];
    });
  }

  function scale(values, from, to, log) {
    let low = Math.min(...values), high = Math.max(...values);
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    const room = from > to ? 0.05 * (high - low) || 0.5 : 0;
    low -= room; high += room;
    const place = (value) => from + ((log ? Math.log10(value) : value) - low) / (high - low || 1) * (to - from);
    const at = (spot) => { const value = low + (spot - from) / (to - from) * (high - low); return log ? 10 ** value : value; };
    return { place, at, ticks: () => log ? powers(low, high) : rounds(low, high), log };
  }

  function rounds(low, high) {
    const raw = (high - low || 1) / 5, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) ticks.push([i * step, (i * step).toFixed(digits)]);
    return ticks;
  }

  function powers(low, high) {
    const ticks = [], factors = high - low > 1.5 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
    for (let power = Math.floor(low); power <= high; power++)
      for (const factor of factors) {
        const value = factor * 10 ** power, at = Math.log10(value);
        if (at >= low - 1e-9 && at <= high + 1e-9) ticks.push([value, String(+value.toPrecision(2))]);
      }
    return ticks.length > 1 ? ticks : rounds(10 ** low, 10 ** high).filter(([value]) => value > 0);
  }

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent?.append(element);
    return element;
  };
  const html = (name, className, parent, text = "") => {
    const element = document.createElement(name);
    element.className = className;
    element.textContent = text;
    parent?.append(element);
    return element;
  };

  // Ticks whose labels would touch the one before are left out.
  function axes(svg, x, y, right) {
    let last = Infinity;
    for (const [value, label] of y.ticks()) {
      const at = y.place(value);
      if (last - at < 16) continue;
      last = at;
      make("path", { class: "grid", d: `M${LEFT} ${at}H${right}` }, svg);
      make("text", { class: "y", x: LEFT - 8, y: at + 4 }, svg, label);
    }
    last = -Infinity;
    for (const [value, label] of x.ticks()) {
      const at = x.place(value);
      if (at - last < 52) continue;
      last = at;
      make("text", { class: "x", x: at, y: BOTTOM + 20 }, svg, `${label} %`);
    }
    make("text", { class: "label x", x: (LEFT + right) / 2, y: H - 6 }, svg, `share of the training${x.log ? ", log" : ""}`);
    const middle = (TOP + BOTTOM) / 2;
    make("text", { class: "label y", x: 14, y: middle, transform: `rotate(-90 14 ${middle})` }, svg, `training loss${y.log ? ", log" : ""}`);
  }

  // The numbers at the ends of the lines, moved apart where they would touch.
  function ends(svg, lines, right) {
    const sorted = [...lines].sort((a, b) => a.y - b.y), places = sorted.map((line) => line.y);
    for (let i = 1; i < places.length; i++) places[i] = Math.max(places[i], places[i - 1] + 15);
    const over = (places.at(-1) ?? 0) - BOTTOM;
    if (over > 0) for (let i = places.length - 1, floor = BOTTOM; i >= 0; i--, floor -= 15) places[i] = Math.min(places[i], floor);
    sorted.forEach((line, i) => {
      if (Math.abs(places[i] - line.y) > 3 || line.x < right - 2) make("path", { class: "leader", d: `M${line.x} ${line.y}L${right + 8} ${places[i]}` }, svg);
      make("text", { class: "named", x: right + 11, y: places[i] + 4 }, svg, `#${line.number}`);
    });
  }

  // As wide as its place, so that its letters are as large as any on the page.
  function picture(numbers, place, { smooth = 0, logx = false, logy = false } = {}) {
    const width = Math.round(Math.min(WIDEST, Math.max(NARROWEST, place.clientWidth || WIDEST))), right = width - END;
    const drawn = numbers.map((number) => all.get(number));
    const inside = (points) => points.map(([share, loss]) => [100 * share, loss]).filter(([share, loss]) => (!logx || share > 0) && (!logy || loss > 0));
    const raw = drawn.map((curve) => inside(curve.points)), lines = raw.map((points) => smooth ? smoothed(points, smooth) : points);
    // The steep fall of the first tenth would flatten the rest, unless the axis is logarithmic.
    const points = raw.flat(), later = logx || logy ? points : points.filter(([share]) => share > 10);
    const losses = (later.length ? later : points).map(([, loss]) => loss);
    const svg = make("svg", { viewBox: `0 0 ${width} ${H}`, class: "overlay", role: "group", "aria-label": `Training loss of ${numbers.map((number) => "trial " + number).join(", ")}` });
    if (!losses.length) return svg;
    const x = scale(logx ? points.map(([share]) => share) : [0, 100], LEFT, right, logx), y = scale(losses, BOTTOM, TOP, logy);
    axes(svg, x, y, right);
    const scaled = (one, from, to) => [one.at(from), one.at(to), from, to, one.log ? 1 : 0].join(" ");
    Object.assign(svg.dataset, { frame: [LEFT, TOP, right, BOTTOM].join(" "), x: scaled(x, LEFT, right), y: scaled(y, BOTTOM, TOP), unit: " %" });
    const clip = `clip${++clips}`;
    make("rect", { x: LEFT, y: TOP, width: right - LEFT, height: BOTTOM - TOP }, make("clipPath", { id: clip }, svg));
    const inner = make("g", { "clip-path": `url(#${clip})` }, svg);
    const path = (line) => {
      const places = line.map(([share, loss]) => `${x.place(share).toFixed(1)} ${y.place(loss).toFixed(1)}`);
      return "M" + (places.length === 1 ? [...places, ...places] : places).join("L");
    };
    const labels = [];
    lines.forEach((line, i) => {
      if (!line.length) return;
      const link = make("a", { href: `#trial=${numbers[i]}`, "data-trial": numbers[i], tabindex: "-1", "aria-label": `trial ${numbers[i]}`, class: "curve" }, inner);
      make("title", {}, link, `#${numbers[i]} ${drawn[i].status}: ${drawn[i].name}`);
      const style = `line l${i % STYLES}${i >= STYLES ? " second" : ""}`;
      if (smooth) make("path", { class: `${style} raw`, d: path(raw[i]) }, link);
      make("path", { class: "hit", d: path(line) }, link);
      make("path", { class: style, d: path(line) }, link);
      const [share, loss] = line.at(-1);
      labels.push({ number: numbers[i], x: x.place(share), y: Math.max(TOP, y.place(loss)) });
    });
    ends(svg, labels, right);
    return svg;
  }

  function legend(numbers) {
    const list = html("ul", "chosen");
    numbers.forEach((number, i) => {
      const curve = all.get(number), item = html("li", "", list);
      const sample = make("svg", { viewBox: "0 0 28 6", class: "sample", "aria-hidden": "true" }, item);
      make("path", { class: `line l${i % STYLES}${i >= STYLES ? " second" : ""}`, d: "M0 3H28" }, sample);
      const link = html("a", "", item, `#${number}`);
      link.href = `#trial=${number}`;
      link.dataset.trial = number;
      html("span", "what", item, ` ${curve.status}, last loss ${curve.points.at(-1)[1].toPrecision(5)}: ${curve.name}`);
      const remove = html("button", "remove", item, "×");
      remove.type = "button";
      remove.dataset.curve = number;
      remove.setAttribute("aria-label", `Take the curve of trial ${number} away`);
    });
    return list;
  }

  function draw(state) {
    const place = $("#drawn"), numbers = chosen(state);
    for (const box of document.querySelectorAll("input[name=curve]")) box.checked = numbers.includes(box.value);
    if (!place) return;
    const smooth = Math.min(0.95, Math.max(0, Number(state.get("smooth")) || 0)), logx = state.has("logx"), logy = state.has("logy");
    if (document.activeElement !== $("#chosen")) $("#chosen").value = numbers.join(", ");
    $("#smooth").value = smooth;
    $("#smoothness").textContent = smooth ? smooth.toFixed(2) : "off";
    $("#logx").checked = logx;
    $("#logy").checked = logy;
    $("#side").disabled = numbers.length !== 2;
    const scroll = html("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Training curves");
    if (numbers.length) {
      const svg = picture(numbers, place, { smooth, logx, logy });
      svg.dataset.figure = "curves";
      svg.setAttribute("tabindex", "0");
      scroll.append(svg);
    }
    else html("p", "empty", scroll, "No curve is chosen.");
    const old = $("#drawn .scroll"), at = old ? old.scrollLeft : 0, focused = document.activeElement?.matches("#drawn svg");
    place.replaceChildren(scroll, legend(numbers));
    scroll.scrollLeft = at;
    if (focused) $("#drawn svg")?.focus({ preventScroll: true });
  }

  return { read, draw, chosen, kept, toggled, picture, rounds, powers, has: (number) => all.has(number) };
})();
