// Opens trials, sorts and filters the table, handles the keyboard, and follows a live run.
// The state of the page is in its URL, after #, so that a link shows the same.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = $("#main"), panel = $("#panel"), live = main?.dataset.events;
  const asked = () => new URLSearchParams(location.hash.slice(1));
  let sorted = "", from = null, shownParts = "";

  function ask(changes) {
    const state = asked();
    for (const [name, value] of [...state]) if (!value) state.delete(name);  // a section of the page, not a state
    for (const [name, value] of Object.entries(changes)) value === null ? state.delete(name) : state.set(name, value);
    const hash = state.toString();
    if (hash === location.hash.slice(1)) return;
    history.pushState(null, "", hash ? "#" + hash : location.pathname + location.search);
    show();
  }

  function show() {
    const state = asked();
    sort(state.get("sort") || "number");
    filter(state.get("q") || "", state.get("status"));
    colour(state.get("colour") || "score");
    curves.draw(state);
    contour.show(state);
    zoom.show(state);
    const numbers = (state.get("pair") ?? "").match(/\d+/g) ?? [];
    open(numbers.length === 2 ? numbers : [state.get("trial")].filter((number) => number !== null));
  }

  function colour(wanted) {
    const place = $("#constants");
    if (!place) return;
    place.dataset.colour = wanted;
    $$("input[name=colour]", place).forEach((box) => { box.checked = box.value === wanted; });
  }

  // ------------------------------------------------------------ the table

  // The rows are read once: what they are sorted and searched by does not change.
  let table = [];
  const MANY = 200, SCREEN = 40, LONGEST = 24;
  const shown = () => table.filter((item) => !item.row.hidden).map((item) => item.row);

  function read() {
    table = $$("#trials tbody tr").map((row) => ({
      row, number: row.dataset.number, status: row.dataset.status, text: row.textContent.toLowerCase(),
      keys: [...row.children].map((cell) => cell.dataset.v), lengths: [...row.children].map((cell) => cell.textContent.trim().length),
    }));
    measure();
  }

  // A column is as wide as its longest text, so that nothing is cut; the hypothesis has the rest.
  function measure() {
    const body = $("#trials");
    if (!body) return;
    $$("#trials thead th").slice(0, -1).forEach((head, i) => {
      const longest = table.reduce((most, item) => Math.max(most, item.lengths[i]), head.textContent.trim().length + 2);
      body.style.setProperty(`--w-${head.dataset.column}`, `${Math.min(longest, LONGEST)}ch`);
    });
  }

  function sort(wanted) {
    const body = $("#trials tbody");
    if (!body || wanted === sorted) return;
    const falling = wanted.startsWith("-"), key = wanted.replace(/^-/, "");
    const heads = $$("#trials thead th"), column = heads.findIndex((head) => $("button", head).dataset.sort === key);
    if (column < 0) return;
    sorted = wanted;
    heads.forEach((head, i) => i === column ? head.setAttribute("aria-sort", falling ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    const collate = new Intl.Collator().compare;
    const order = heads[column].classList.contains("num") ? (a, b) => a - b : collate;
    // Rows without a value are last, whichever way the rest is sorted.
    table.sort(({ keys: { [column]: a } }, { keys: { [column]: b } }) =>
      a === "" || b === "" ? (a === "") - (b === "") : falling ? order(b, a) : order(a, b));
    // Moving a thousand rows is slow: the first screen is moved first, the rest after it is painted.
    const rest = () => { if (sorted === wanted) body.append(...table.map((item) => item.row)); };
    if (table.length <= MANY) return rest();
    body.prepend(...shown().slice(0, SCREEN));
    requestAnimationFrame(() => setTimeout(rest));
  }

  function filter(text, statuses) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean), wanted = statuses === null ? null : new Set(statuses.split(","));
    let count = 0;
    for (const { row, status, text: content } of table) {
      const hidden = !(wanted === null || wanted.has(status)) || !words.every((word) => content.includes(word));
      if (row.hidden !== hidden) row.hidden = hidden;
      count += !hidden;
    }
    const search = $("#search");
    if (!search) return;
    if (document.activeElement !== search) search.value = text;
    $$("input[name=status]").forEach((box) => { box.checked = wanted === null || wanted.has(box.value); });
    requestAnimationFrame(() => setTimeout(fade));
    $("#shown").textContent = count === table.length ? `${count} trials` : `${count} of ${table.length} trials`;
  }

  // Trials filtered out of the table are dimmed in every chart, after the table is painted.
  function fade() {
    const hidden = new Set(table.filter((item) => item.row.hidden).map((item) => item.number));
    if (!hidden.size && !$("main svg .faded")) return;
    for (const link of $$("main svg a[data-trial]")) link.classList.toggle("faded", hidden.has(link.dataset.trial));
  }

  // ------------------------------------------------------------ one trial

  // One trial, or two side by side.
  async function open(numbers) {
    if (!panel) return;
    $$(".open").forEach((element) => element.classList.remove("open"));
    if (!numbers.length) {
      const was = !panel.hidden;
      panel.hidden = true;
      if (was && from?.isConnected) from.focus();
      return;
    }
    for (const number of numbers)
      $$(`tr[data-number="${CSS.escape(number)}"], a[data-trial="${CSS.escape(number)}"]`).forEach((element) => element.classList.add("open"));
    const place = location.hash, parts = await Promise.all(numbers.map(fragment));
    if (location.hash !== place) return;
    const opened = panel.hidden, both = parts.length === 2;
    panel.hidden = false;
    panel.classList.toggle("both", both);
    panel.setAttribute("aria-label", both ? "Two trials side by side" : "Trial");
    if (shownParts !== parts.join()) {
      if (both) pair.show($("#content"), parts, numbers);
      else $("#content").innerHTML = parts[0];
      panel.scrollTop = 0;
    }
    shownParts = parts.join();
    curves.draw(asked());
    zoom.show(asked());
    if (opened) panel.focus({ preventScroll: true });
  }

  async function fragment(number) {
    if (!live) return document.getElementById("t" + number)?.textContent ?? "<p>There is no such trial.</p>";
    const reply = await fetch(`/run/${encodeURIComponent(main.dataset.run)}/trial/${encodeURIComponent(number)}`);
    return reply.ok ? reply.text() : "<p>There is no such trial.</p>";
  }

  function step(by) {
    const list = shown().map((row) => row.dataset.number), at = list.indexOf(asked().get("trial"));
    const next = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + by))];
    if (next === undefined) return;
    ask({ trial: next, pair: null });
    $(`tr[data-number="${next}"]`).scrollIntoView({ block: "nearest" });
  }

  // ------------------------------------------------------------ mouse and keyboard

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-trial]"), head = event.target.closest("[data-sort]"), row = event.target.closest("#trials tbody tr");
    const act = event.target.closest("#side, #kept-curves, [data-pair], [data-curve]");
    if (event.ctrlKey || event.metaKey || event.button) return;
    if (act) return press(act);
    if (event.target.closest("input, label, textarea, form.press, form.say")) return;
    if (event.shiftKey) {
      if (!link) return;
      event.preventDefault();
      ask({ lines: curves.toggled(asked(), link.dataset.trial) ?? asked().get("lines") });
    } else if (link || row) {
      if (row && !link && String(getSelection())) return;
      event.preventDefault();
      from = link || $("a", row);
      ask({ trial: link ? link.dataset.trial : row.dataset.number, pair: null });
    } else if (head) {
      const key = head.dataset.sort;
      ask({ sort: sorted === key ? "-" + key : key });
    } else if (event.target.closest("#close")) ask({ trial: null, pair: null });
    else if (event.target.closest("#theme")) theme();
  });

  function press(button) {
    if (button.id === "kept-curves") ask({ lines: curves.kept().join(",") || "none" });
    else if (button.id === "side") {
      from = button;
      ask({ pair: curves.chosen(asked()).join(","), trial: null });
    } else if (button.dataset.curve) {
      ask({ lines: curves.toggled(asked(), button.dataset.curve) });
      $("#chosen").focus();
    } else {
      const other = $("input[name=beside]", panel);
      if (!/^\d+$/.test(other.value) || other.value === button.dataset.pair) return other.focus();
      ask({ pair: `${other.value},${button.dataset.pair}`, trial: null });
    }
  }

  document.addEventListener("input", (event) => {
    const { id, value } = event.target;
    if (id === "search") ask({ q: value || null });
    else if (id === "smooth") ask({ smooth: Number(value) ? value : null });
    else if (id === "chosen") ask({ lines: value || "none" });
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "colour") ask({ colour: event.target.value === "score" ? null : event.target.value });
    if (["across", "up", "by"].includes(event.target.id)) ask({ [event.target.id]: event.target.value });
    if (event.target.name === "curve") ask({ lines: curves.toggled(asked(), event.target.value) });
    if (event.target.id === "logx" || event.target.id === "logy") ask({ [event.target.id]: event.target.checked ? "1" : null });
    if (event.target.name !== "status") return;
    const boxes = $$("input[name=status]"), on = boxes.filter((box) => box.checked).map((box) => box.value);
    ask({ status: on.length === boxes.length ? null : on.join(",") });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return event.target.id === "search" ? event.target.blur() : ask({ trial: null, pair: null });
    if (event.key === "Enter" && event.target.name === "beside") return press($("[data-pair]", panel));
    if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "c" && curves.has(asked().get("trial"))) ask({ lines: curves.toggled(asked(), asked().get("trial")) });
    else if (event.key === "/" && $("#search")) { event.preventDefault(); $("#search").focus(); }
  });
  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
  addEventListener("resize", () => { curves.draw(asked()); zoom.show(asked()); });
  addEventListener("popstate", show);
  addEventListener("hashchange", show);

  function theme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches, root = document.documentElement;
    root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private windows store nothing */ }
  }
  try { document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""; } catch { /* as above */ }

  // ------------------------------------------------------------ live

  async function renew() {
    const reply = await fetch(location.pathname + location.search);
    if (!reply.ok) return;
    const text = await reply.text(), body = text.slice(text.indexOf("<body"));  // its style has another nonce
    const fresh = new DOMParser().parseFromString(body, "text/html");
    for (const old of $$("main > section[id]")) {
      const now = fresh.getElementById(old.id);
      if (!now || now.innerHTML === old.innerHTML || old.id === "all") continue;
      if (old.id === "curves" && renewLosses(old, now)) continue;
      const opened = $$("details", old).map((details) => details.open);
      old.replaceChildren(...now.childNodes);
      $$("details", old).forEach((details, i) => { details.open = opened[i] ?? false; });
    }
    renewTable(fresh);
    read();
    curves.read();
    contour.watch(asked);
    sorted = "";
    show();
  }

  // The controls stay as they are: only the losses that they draw are new.
  function renewLosses(old, now) {
    const before = $("#losses", old), after = $("#losses", now);
    if (before && after) before.textContent = after.textContent;
    return Boolean(before && after);
  }

  // Only new rows are added: selection, focus and half-typed text stay as they are.
  function renewTable(fresh) {
    const body = $("#trials tbody"), all = $("#all"), now = $("#all", fresh);
    if (!now) return;
    if (!body || $$("input[name=status]").length !== $$("input[name=status]", fresh).length) { all.replaceChildren(...now.childNodes); return; }
    const present = new Set(table.map((item) => item.number));
    body.append(...$$("#trials tbody tr", fresh).filter((row) => !present.has(row.dataset.number)));
    $$("fieldset .chip", all).forEach((chip, i) => { chip.lastChild.textContent = $$("fieldset .chip", now)[i].lastChild.textContent; });
  }

  if (live) {
    const events = new EventSource(live);
    events.addEventListener("changed", renew);
    events.addEventListener("now", (event) => { $("#now").innerHTML = JSON.parse(event.data); });
    events.addEventListener("error", () => { main.dataset.lost = "1"; });
    events.addEventListener("open", () => { if (main.dataset.lost) { delete main.dataset.lost; renew(); } });
  }
  read();
  curves.read();
  contour.watch(asked);
  zoom.init(ask, asked);
  show();
})();
