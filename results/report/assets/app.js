"use strict";
(() => {
  const { keys, rows } = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
  const [metricAt, unitAt, valueAt, lowAt, highAt] = [0, 1, 2, 3, 4].map((i) => keys.length + i);
  const distinct = (list) => [...new Set(list)];

  // The first key names the case, which has a colour; the others are what to
  // draw over.
  const cases = keys.length ? distinct(rows.map((r) => r[0])) : [];
  const colourOf = (c) => colours[cases.indexOf(c) % colours.length];

  function option(select, text) {
    const o = document.createElement("option");
    o.textContent = o.value = text;
    select.append(o);
  }

  function controls() {
    distinct(rows.map((r) => r[metricAt])).forEach((m) => option($("metric"), m));
    keys.slice(1).forEach((k) => option($("over"), k));
    cases.forEach((c, i) => {
      const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("span");
      Object.assign(box, { type: "checkbox", checked: i < 12, name: "case", value: String(i) });
      swatch.className = "swatch";
      swatch.style.backgroundColor = colourOf(c);
      label.append(box, " ", swatch, " " + c);
      $("cases").append(label);
    });
    $("controls").hidden = false;
    $("controls").addEventListener("input", draw);
    $("controls").addEventListener("submit", (e) => e.preventDefault());
  }

  // scaled turns seconds and shares into what people read.
  function scaled(unit, most) {
    if (unit === "1") return [100, "%"];
    if (unit !== "s") return [1, unit];
    if (most >= 1) return [1, "s"];
    return most >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
  }

  function chosen() {
    const on = new Set([...document.querySelectorAll("input[name=case]:checked")].map((b) => cases[b.value]));
    const word = $("filter").value.toLowerCase();
    return rows.filter((r) => r[metricAt] === $("metric").value && on.has(r[0]) && r[valueAt] !== null &&
      (word === "" || keys.some((_, i) => String(r[i]).toLowerCase().includes(word))));
  }

  function draw() {
    const list = chosen(), x = Math.max(1, keys.indexOf($("over").value));
    $("shown").textContent = `${list.length} of ${rows.length} values shown`;
    $("chart").replaceChildren();
    if (list.length === 0) return;
    const unit = list[0][unitAt];
    const [factor, name] = scaled(unit, Math.max(...list.map((r) => Math.abs(r[valueAt]))));
    const points = list.map((r) => ({
      x: r[x], y: r[valueAt] * factor, case: r[0],
      low: r[lowAt] === null ? NaN : r[lowAt] * factor, high: r[highAt] === null ? NaN : r[highAt] * factor,
      title: keys.map((k, i) => `${k}: ${r[i]}`).join("\n") + `\n${r[metricAt]}: ${(r[valueAt] * factor).toPrecision(4)} ${name}` +
        (r[lowAt] === null ? "" : `\n95 %: ${(r[lowAt] * factor).toPrecision(4)} to ${(r[highAt] * factor).toPrecision(4)}`),
    }));
    const numeric = points.every((p) => typeof p.x === "number");
    const names = distinct(points.map((p) => String(p.x)));
    const common = { x: "x", stroke: "case" };
    const marks = [
      Plot.ruleX(points.filter((p) => p.low < p.high), { ...common, y1: "low", y2: "high", strokeOpacity: 0.6 }),
      Plot.dot(points, { ...common, y: "y", fill: "case", r: 3, symbol: "case" }),
      Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: "title" })),
    ];
    if (numeric) marks.unshift(Plot.line(points, Plot.groupX({ y: "mean" }, { x: "x", y: "y", stroke: "case", sort: "x" })));
    $("chart").append(Plot.plot({
      className: "plot", width: Math.min(1150, document.body.clientWidth - 40), height: 380, marginLeft: 60,
      marginBottom: numeric || names.length <= 8 ? 40 : 90,
      x: numeric ? { label: keys[x], nice: true } : { label: null, type: "point", domain: names, tickRotate: names.length > 8 ? -40 : 0 },
      y: { label: `${$("metric").value} (${name})`, type: $("log").checked ? "log" : "linear", grid: true, nice: true, zero: !$("log").checked },
      color: { domain: cases, range: cases.map(colourOf) }, symbol: { domain: cases }, marks,
    }));
  }

  function sortable(table) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((th, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      th.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = th.getAttribute("aria-sort") === "ascending";
        [...th.parentNode.cells].forEach((c) => c.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        const of = (row) => row.cells[i].dataset.sort;
        const compare = (a, b) => (of(a) !== "" && of(b) !== "" ? of(a) - of(b) : row(a, i).localeCompare(row(b, i)));
        const sorted = [...body.rows].sort(compare);
        body.replaceChildren(...(down ? sorted.reverse() : sorted));
      });
    });
  }
  const row = (tr, i) => tr.cells[i].textContent;

  document.querySelectorAll("table.sortable").forEach(sortable);
  if (rows.length > 0) {
    controls();
    draw();
  }
})();
