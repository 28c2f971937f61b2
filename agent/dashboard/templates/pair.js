// Puts two trials side by side: what was claimed, the figures that differ, curves and diffs.
const pair = (() => {
  const element = (name, className, text = "") => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };

  // What each trial says, by name; a name that one trial lacks has no text there.
  function union(left, right) {
    return [...new Set([...left.keys(), ...right.keys()])].map((name) => [name, left.get(name) ?? "", right.get(name) ?? ""]);
  }
  const figures = (article) => new Map([...article.querySelectorAll(".facts > div")].map((row) => [row.children[0].textContent, row.children[1].textContent]));
  const constants = (article) => new Map([...article.querySelectorAll(".constants tr")].map((row) => [row.children[0].textContent, row.children[1].textContent]));

  function table(rows, numbers, caption, label) {
    const box = element("div", "scroll wide"), grid = element("table", "plain versus"), head = element("tr", ""), body = element("tbody", "");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", caption);
    grid.append(element("caption", "", caption), element("thead", ""), body);
    for (const title of [label, ...numbers.map((number) => `#${number}`)]) {
      const cell = element("th", "", title);
      cell.scope = "col";
      head.append(cell);
    }
    grid.tHead.append(head);
    for (const [name, left, right] of rows) {
      const row = element("tr", left === right ? "" : "differs"), first = element("th", "", name);
      first.scope = "row";
      row.append(first, element("td", "", left), element("td", "", right));
      body.append(row);
    }
    box.append(grid);
    return box;
  }

  function show(place, parts, numbers) {
    const articles = parts.map((html) => {
      const holder = document.createElement("div");
      holder.innerHTML = html;
      return holder.querySelector("article") ?? holder;
    });
    const view = element("div", "pair"), title = element("h2", "hidden", `Trials ${numbers.join(" and ")} side by side`);
    const known = numbers.filter((number) => curves.has(number));
    const rows = union(...articles.map(figures)), values = union(...articles.map(constants)), differing = values.filter(([, left, right]) => left !== right);
    view.append(title, ...articles);
    if (known.length) {
      const chart = element("section", "wide training");
      chart.append(element("h3", "", "Training loss"), curves.picture(known, place));
      view.append(chart);
    }
    view.append(Object.assign(table(rows, numbers, "Figures", "figure"), { className: "scroll wide figures" }));
    const same = values.length - differing.length;
    const caption = values.length ? `Constants that differ${same ? `; equal: ${same}` : ""}` : "";
    if (differing.length) view.append(Object.assign(table(differing, numbers, caption, "constant"), { className: "scroll wide" }));
    else if (values.length) view.append(element("p", "wide empty", "Their constants are all equal."));
    articles.forEach((article, i) => {
      article.classList.add(i ? "right" : "left");
      const changed = article.querySelector(".changed h3");
      if (changed) changed.textContent += ` of #${numbers[i]}`;
      for (const region of article.querySelectorAll("[role=region]")) region.setAttribute("aria-label", `${region.getAttribute("aria-label")} of #${numbers[i]}`);
      for (const extra of article.querySelectorAll(":scope > .acts, :scope > .facts, :scope > .constants, :scope > .training")) extra.remove();
    });
    place.replaceChildren(view);
  }

  return { show };
})();
