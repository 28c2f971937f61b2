// Draws two constants against a metric as a map, from the CSV behind the section of constants. What
// is shown is in the URL, like everything else; it is drawn when it comes near the screen.
"use strict";
const contour = (() => {
  const WIDTH = 760, H = 460, LEFT = 84, TOP = 12, RIGHT = 744, BOTTOM = 400, COLUMNS = 48, ROWS = 36, SHADES = 5, PAD = 0.02;
  // Of the width of the map: how far a trial speaks for its surroundings, and where it no longer does.
  const NEAR = 0.07, LEAST = 0.18, LOG_RATIO = 20;
  const SVG = "http://www.w3.org/2000/svg", KEPT = ["baseline", "keep", "simplify"];
  const $ = (selector) => document.querySelector(selector);
  let loaded = null, drawn = "";

  const make = (name, attributes, parent, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent?.append(element);
    return element;
  };

  // RFC 4180: a quoted cell may hold commas, line breaks and doubled quotes.
  function parse(text) {
    const rows = [[]];
    for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
      rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
      if (end === "\n") rows.push([]);
      if (end === "") break;
    }
    return rows.filter((row) => row.length > 1);
  }

  async function text(href) {
    if (!href.startsWith("data:")) return (await fetch(href)).text();
    const bytes = Uint8Array.from(atob(href.slice(href.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  }

  async function load() {
    const tools = $("#contour-tools"), [names, ...rows] = parse(await text(tools.dataset.href));
    const directions = tools.dataset.directions.split(","), metrics = directions.length;
    const trials = rows.map((cells) => ({ number: cells[0], status: cells[1], cells }));
    const column = (name, at) => ({ name, at, ...axis(trials.map((trial) => trial.cells[at]).filter((cell) => cell !== "")) });
    const columns = names.map(column);
    return {
      trials,
      metrics: columns.slice(2, 2 + metrics).filter((one) => one.numbers && one.values > 1).map((one) => ({ ...one, rises: directions[one.at - 2] === "maximize" })),
      constants: columns.slice(2 + metrics).filter((one) => one.values > 1).sort((a, b) => b.values - a.values),
    };
  }

  // How the values of a column lie on an axis: by size, by factors, or by name.
  function axis(cells) {
    const distinct = [...new Set(cells)], numbers = distinct.every((cell) => cell.trim() !== "" && Number.isFinite(Number(cell)));
    if (!numbers) {
      const order = distinct.sort();
      return { numbers, values: order.length, low: 0, high: order.length - 1, log: false, of: (cell) => order.indexOf(cell), ends: [order[0], order.at(-1)] };
    }
    const sizes = distinct.map(Number), low = Math.min(...sizes), high = Math.max(...sizes), log = low > 0 && high / low >= LOG_RATIO;
    const of = (cell) => (log ? Math.log(Number(cell)) : Number(cell));
    return { numbers, values: sizes.length, low: of(low), high: of(high), log, of, ends: [low, high].map((end) => String(+end.toPrecision(4))) };
  }

  // A name that fits its place: its two ends, as names differ there.
  const brief = (name, most) => (name.length <= most ? name : `${name.slice(0, Math.floor(most / 3))}…${name.slice(1 + Math.floor(most / 3) - most)}`);

  const share = (column, cell) => PAD + (1 - 2 * PAD) * (column.of(cell) - column.low) / (column.high - column.low || 1);

  // The estimate at each field: a mean of all trials, weighted by a normal distribution of their distance.
  function fields(points) {
    const found = [];
    for (let row = 0; row < ROWS; row++) for (let column = 0; column < COLUMNS; column++) {
      const x = (column + 0.5) / COLUMNS, y = (row + 0.5) / ROWS;
      let weight = 0, sum = 0;
      for (const point of points) {
        const near = Math.exp(-((point.x - x) ** 2 + (point.y - y) ** 2) / (2 * NEAR ** 2));
        weight += near; sum += near * point.value;
      }
      if (weight > LEAST) found.push({ row, column, value: sum / weight });
    }
    return found;
  }

  function shade(sorted, value) {
    let low = 0, high = sorted.length;
    while (low < high) { const middle = (low + high) >> 1; sorted[middle] < value ? (low = middle + 1) : (high = middle); }
    return Math.min(SHADES - 1, Math.floor((low * SHADES) / sorted.length));
  }

  const ends = (column, from, to) => [...[column.low, column.high].map((end) => (column.log ? Math.exp(end) : end)), from + PAD * (to - from), to - PAD * (to - from), column.log ? 1 : 0].join(" ");

  function picture(across, up, by, trials) {
    const points = trials.filter(({ cells }) => [across, up, by].every(({ at }) => cells[at] !== "")).map((trial) => ({
      trial, x: share(across, trial.cells[across.at]), y: share(up, trial.cells[up.at]), value: Number(trial.cells[by.at]) * (by.rises ? -1 : 1),
    }));
    const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${H}`, class: "map", role: "group", "aria-label": `${by.name} by ${across.name} and ${up.name}`, "data-figure": "map", tabindex: "0" });
    Object.assign(svg.dataset, { frame: [LEFT, TOP, RIGHT, BOTTOM].join(" ") });
    if (across.numbers) svg.dataset.x = ends(across, LEFT, RIGHT);
    if (up.numbers) svg.dataset.y = ends(up, BOTTOM, TOP);
    const wide = (RIGHT - LEFT) / COLUMNS, tall = (BOTTOM - TOP) / ROWS, cells = make("g", { class: "cells" }, svg);
    const sorted = points.map((point) => point.value).sort((a, b) => a - b);
    const paths = Array.from({ length: SHADES }, () => []);
    for (const { row, column, value } of fields(points))
      paths[shade(sorted, value)].push(`M${(LEFT + column * wide).toFixed(1)} ${(BOTTOM - (row + 1) * tall).toFixed(1)}h${(wide + 0.4).toFixed(1)}v${(tall + 0.4).toFixed(1)}h-${(wide + 0.4).toFixed(1)}z`);
    paths.forEach((path, i) => make("path", { class: `cell q${i}`, d: path.join("") }, cells));
    make("rect", { class: "frame", x: LEFT, y: TOP, width: RIGHT - LEFT, height: BOTTOM - TOP }, svg);
    for (const { trial, x, y } of points) {
      const kept = KEPT.includes(trial.status);
      const link = make("a", { class: `point${kept ? " kept" : ""}`, href: `#trial=${trial.number}`, "data-trial": trial.number, tabindex: "-1", "aria-label": `trial ${trial.number}` }, svg);
      make("title", {}, link, `#${trial.number} ${trial.status}: ${across.name} ${trial.cells[across.at]}, ${up.name} ${trial.cells[up.at]}, ${by.name} ${trial.cells[by.at]}`);
      make("circle", { cx: (LEFT + x * (RIGHT - LEFT)).toFixed(1), cy: (BOTTOM - y * (BOTTOM - TOP)).toFixed(1), r: kept ? 5 : 3.2 }, link);
    }
    const axes = make("g", { class: "axes" }, svg), middle = (TOP + BOTTOM) / 2;
    make("text", { class: "start", x: LEFT, y: BOTTOM + 18 }, axes, brief(across.ends[0], 40));
    make("text", { class: "end", x: RIGHT, y: BOTTOM + 18 }, axes, brief(across.ends[1], 40));
    make("text", { class: "label x", x: (LEFT + RIGHT) / 2, y: BOTTOM + 40 }, axes, brief(across.name, 70) + (across.log ? ", log" : ""));
    make("text", { class: "y", x: LEFT - 8, y: BOTTOM }, axes, brief(up.ends[0], 9));
    make("text", { class: "y", x: LEFT - 8, y: TOP + 10 }, axes, brief(up.ends[1], 9));
    make("text", { class: "label y", x: 14, y: middle, transform: `rotate(-90 14 ${middle})` }, axes, brief(up.name, 38) + (up.log ? ", log" : ""));
    return { svg, sorted };
  }

  function legend(by, sorted) {
    const line = document.createElement("p"), keys = document.createElement("span");
    line.className = "legend";
    keys.className = "status";
    keys.append(`${by.name}: best fifth `);
    for (let i = 0; i < SHADES; i++) keys.append(Object.assign(document.createElement("span"), { className: `key q${i}` }));
    keys.append("worst fifth");
    const [best, worst] = [sorted[0], sorted.at(-1)].map((value) => +(by.rises ? -value : value).toPrecision(6));
    line.append(keys, `from ${best} to ${worst}; ${sorted.length} trials`);
    return line;
  }

  function fill(select, columns, wanted, otherwise) {
    if (select.options.length !== columns.length)
      select.replaceChildren(...columns.map(({ name }) => new Option(name, name)));
    const chosen = columns.find(({ name }) => name === wanted) ?? otherwise;
    select.value = chosen.name;
    return chosen;
  }

  async function show(state) {
    const tools = $("#contour-tools");
    if (!tools || loaded === null) return;
    const { trials, metrics, constants } = await loaded;
    const place = $("#map");
    if (constants.length < 2 || !metrics.length) {
      place.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: "It takes two constants that vary, and scores." }));
      return;
    }
    const across = fill($("#across"), constants, state.get("across"), constants[0]);
    const up = fill($("#up"), constants, state.get("up"), constants.find((one) => one !== across));
    const by = fill($("#by"), metrics, state.get("by"), metrics[0]);
    tools.hidden = false;
    const key = [across.name, up.name, by.name].join("\n");
    if (key === drawn && place.querySelector("svg")) return zoom.show(state);
    drawn = key;
    const { svg, sorted } = picture(across, up, by, trials);
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Map of two constants");
    scroll.append(svg);
    place.replaceChildren(scroll, legend(by, sorted));
    zoom.show(state);
  }

  // A page of a thousand trials must not read a second copy of them before anybody looks.
  function watch(state) {
    const tools = $("#contour-tools");
    if (!tools) return;
    loaded = null;
    drawn = "";
    const sight = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      sight.disconnect();
      loaded = load();
      show(state());
    }, { rootMargin: "300px" });
    sight.observe($("#map"));
  }

  return { watch, show };
})();
