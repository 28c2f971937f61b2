// Opens trials, sorts and filters the table, handles the keyboard, and follows a live run.
// The state of the page is in its URL, after #, so that a link shows the same.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = $("#main"), panel = $("#panel"), live = main?.dataset.events;
  const asked = () => new URLSearchParams(location.hash.slice(1));
  let sorted = "", from = null;

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
    open(state.get("trial"));
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
  const MANY = 200, SCREEN = 40;
  const shown = () => table.filter((item) => !item.row.hidden).map((item) => item.row);

  function read() {
    table = $$("#trials tbody tr").map((row) => ({
      row, number: row.dataset.number, status: row.dataset.status, text: row.textContent.toLowerCase(),
      keys: [...row.children].map((cell) => cell.dataset.v),
    }));
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

  async function open(number) {
    if (!panel) return;
    $$(".open").forEach((element) => element.classList.remove("open"));
    if (number === null) {
      const was = !panel.hidden;
      panel.hidden = true;
      if (was && from?.isConnected) from.focus();
      return;
    }
    $$(`tr[data-number="${CSS.escape(number)}"], a[data-trial="${CSS.escape(number)}"]`).forEach((element) => element.classList.add("open"));
    const html = await fragment(number);
    if (asked().get("trial") !== number) return;
    const opened = panel.hidden;
    panel.hidden = false;
    $("#content").innerHTML = html;
    panel.scrollTop = 0;
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
    ask({ trial: next });
    $(`tr[data-number="${next}"]`).scrollIntoView({ block: "nearest" });
  }

  // ------------------------------------------------------------ mouse and keyboard

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-trial]"), head = event.target.closest("[data-sort]"), row = event.target.closest("#trials tbody tr");
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (link || row) {
      if (row && !link && String(getSelection())) return;
      event.preventDefault();
      from = link || $("a", row);
      ask({ trial: link ? link.dataset.trial : row.dataset.number });
    } else if (head) {
      const key = head.dataset.sort;
      ask({ sort: sorted === key ? "-" + key : key });
    } else if (event.target.closest("#close")) ask({ trial: null });
    else if (event.target.closest("#theme")) theme();
  });

  document.addEventListener("input", (event) => {
    if (event.target.id === "search") ask({ q: event.target.value || null });
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "colour") ask({ colour: event.target.value === "score" ? null : event.target.value });
    if (event.target.name !== "status") return;
    const boxes = $$("input[name=status]"), on = boxes.filter((box) => box.checked).map((box) => box.value);
    ask({ status: on.length === boxes.length ? null : on.join(",") });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return event.target.id === "search" ? event.target.blur() : ask({ trial: null });
    if (event.target.matches("input, textarea, select")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/" && $("#search")) { event.preventDefault(); $("#search").focus(); }
  });
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
      old.replaceChildren(...now.childNodes);
    }
    renewTable(fresh);
    read();
    sorted = "";
    show();
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
  show();
})();
