// The run: its tables and plots, the list of samples, and which one is shown.

const COLUMNS = [
  ["sample_id", "sample"],
  ["method", "method"],
  ["blur_rate", "blur rate", 2],
  ["mpjpe_best_direction_mm", "error mm", 0],
  ["iou_best_direction", "IoU", 2],
  ["reblur_psnr_db", "re-blur dB", 1],
  ["matte_iou", "matte IoU", 2],
  ["risk", "risk", 2],
  ["sure", "sure", 2],
  ["state", "state"],
  ["seconds", "s", 0],
  ["warnings", "warnings"],
];

const run = json(document.getElementById("run"));
const cards = new Map(
  [...document.querySelectorAll("script.card")].map((node) => {
    const card = json(node);
    return [card.sample_id, card];
  }),
);
const panel = new SamplePanel(document.getElementById("sample"), run);

function choose(name, scroll = true) {
  panel.show(cards.get(name));
  for (const row of document.querySelectorAll("#rows tbody tr"))
    row.classList.toggle("chosen", row.dataset.name === name);
  for (const button of document.querySelectorAll("#strip button"))
    button.setAttribute("aria-pressed", String(button.dataset.name === name));
  if (scroll) panel.place.scrollIntoView({ behavior: "smooth" });
}

function showSummary() {
  const names = new Set(run.rows.map((row) => row.sample_id)),
    warned = run.rows.filter((row) => row.warnings).length;
  const parts = run.up
    ? ["One sample of a run"]
    : [`Run “${run.name}”: ${names.size} ${names.size === 1 ? "sample" : "samples"}`];
  if (names.size > 1 && warned) parts.push(`${warned} with warnings`);
  if (run.unusable.length) parts.push(`${run.unusable.length} could not be used`);
  document.getElementById("summary").textContent = parts.join(", ") + ".";
  document.title = `${names.size === 1 ? [...names][0] : run.name} · Human from Blur`;
}

function showEvaluation() {
  const found = run.evaluation;
  if (!found) return;
  document.getElementById("evaluation").hidden = false;
  const [head, ...rows] = found.table,
    means = document.getElementById("means");
  const cell = (text, k) => {
    const [value, interval] = k ? text.split(" (") : [text]; // the interval on a line of its own
    return element(
      "td",
      isNumber(k),
      value,
      ...(interval ? [element("br"), element("small", {}, `(${interval}`)] : []),
    );
  };
  const isNumber = (k) => (k ? { class: "number" } : {});
  means.append(
    element("thead", {}, element("tr", {}, ...head.map((text, k) => element("th", isNumber(k), text)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map(cell)))),
  );
  document.getElementById("means-notes").append(...found.notes.map((note) => element("p", {}, note)));
  for (const metric of found.plots) {
    const chart = rateChart(metric, found.curves, run.rows, run.titles);
    if (chart) document.getElementById("plots").append(chart);
  }
}

function showStrip() {
  const strip = document.getElementById("strip"),
    shown = run.ranked.filter((name) => cards.has(name));
  for (const [k, name] of shown.entries()) {
    const card = cards.get(name),
      row = run.rows.find((own) => own.sample_id === name);
    const place = !run.best ? "" : k === 0 ? "worst" : k === shown.length - 1 ? "best" : "";
    const value = run.best
      ? `${short(row[run.best], run.best.endsWith("_mm") ? 0 : 2)} ${run.best.endsWith("_mm") ? "mm" : run.best.endsWith("_db") ? "dB" : ""}`
      : "";
    strip.append(
      element(
        "button",
        { "data-name": name, onclick: () => choose(name) },
        element("img", { src: card.photos[0].photo, alt: "" }),
        element("span", {}, name),
        element("span", {}, [place, value].filter(Boolean).join(": ")),
      ),
    );
  }
  if (shown.length < run.ranked.length) {
    document.getElementById("strip-note").textContent =
      `The page holds ${shown.length} of ${run.ranked.length} samples, the worst and the best; those of the others are linked.`;
  }
}

// Samples that are not on the page: small pictures that lead to pages of their own.
function showOthers() {
  const others = run.ranked.filter((name) => name in run.thumbnails);
  if (!others.length) return;
  document.getElementById("others").append(
    element("h3", {}, `${others.length} more, worst first`),
    element(
      "div",
      { class: "grid tall" },
      ...others.map((name) =>
        element(
          "a",
          { href: pageOf(name), title: name, class: severe(name) ? "bad" : "" },
          element("img", { src: run.thumbnails[name], alt: "", loading: "lazy" }),
          element("span", {}, name),
        ),
      ),
    ),
  );
}

function severe(name) {
  return run.rows.some((row) => row.sample_id === name && row.state === "unexplained");
}

const withPages = new Set(run.pages);

function pageOf(name) {
  const file = withPages.has(name) ? "report.html" : "comparison.png";
  return `samples/${encodeURIComponent(name)}/${file}`;
}

function showRows() {
  const columns = COLUMNS.filter(([name]) => run.rows.some((row) => row[name]));
  const heads = columns.map(([name, title, digits]) =>
    element(
      "th",
      {
        class: digits === undefined ? "" : "number",
        tabindex: 0,
        onclick: (event) => sortBy(name, digits !== undefined, event.currentTarget),
        onkeydown: (event) =>
          event.key === "Enter" && sortBy(name, digits !== undefined, event.currentTarget),
      },
      title,
    ),
  );
  const body = element("tbody"),
    table = document.getElementById("rows");
  table.append(element("thead", {}, element("tr", {}, ...heads)), body);

  function cell(row, [name, , digits]) {
    if (name === "sample_id" && !cards.has(row.sample_id)) {
      return element(
        "td",
        {},
        element("a", { href: pageOf(row.sample_id) }, row.sample_id),
      );
    }
    const text =
      name === "method"
        ? run.titles[row.method] || row.method
        : digits === undefined
          ? row[name] || ""
          : short(row[name], digits);
    return element("td", { class: digits === undefined ? "" : "number" }, text);
  }

  function list(rows) {
    body.replaceChildren(
      ...rows.map((row) =>
        element(
          "tr",
          {
            "data-name": row.sample_id,
            class: cards.has(row.sample_id) ? "here" : "",
            onclick: () => cards.has(row.sample_id) && choose(row.sample_id),
          },
          ...columns.map((column) => cell(row, column)),
        ),
      ),
    );
  }

  function sortBy(name, isNumber, head) {
    const isDown = head.getAttribute("aria-sort") === "ascending",
      sign = isDown ? -1 : 1;
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const isEmpty = (row) => row[name] === undefined || row[name] === "";
    list(
      [...run.rows].sort((one, two) => {
        if (isEmpty(one) || isEmpty(two)) return isEmpty(one) - isEmpty(two); // last, whichever way
        return sign * (isNumber ? Number(one[name]) - Number(two[name]) : one[name].localeCompare(two[name]));
      }),
    );
  }

  list(run.rows);
}

function showUnusable() {
  if (!run.unusable.length) return;
  document
    .getElementById("unusable")
    .append(
      element("h3", {}, "Samples without a result"),
      ...run.unusable.map(({ sample_id: name, reason, kind }) =>
        element("p", {}, element("b", {}, name), ` (${kind}): ${reason}`),
      ),
    );
}

function showWayUp() {
  if (!run.up) return;
  document.getElementById("summary").append(" ", element("a", { href: run.up }, "All samples of the run"));
}

showSummary();
showWayUp();
showEvaluation();
if (run.ranked.length > 1 || run.unusable.length) {
  document.getElementById("samples").hidden = false;
  showStrip();
  showRows();
  showOthers();
  showUnusable();
}
const first = run.ranked.find((name) => cards.has(name));
if (first) choose(first, false);
