// Charts as SVG: curves over steps, and values against the blur rate.

const COLOURS = [
  "#1f6f8b",
  "#dd6b20",
  "#6b4fa0",
  "#2e7d4f",
  "#b3261e",
  "#8a6d00",
  "#c2408f",
  "#4a5568",
  "#0f9bb5",
  "#7a4a21",
];
const EDGE = { left: 62, right: 12, top: 10, bottom: 40 };

function ticksOf(low, high, count = 6) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((value) => value >= raw);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9 * step; value += step)
    ticks.push(value);
  return ticks;
}

function powersOf(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) ticks.push(power);
  return ticks.filter((power) => power >= low - 0.05 && power <= high + 0.05);
}

// Axes with their ticks; returns the SVG and the ways from values to places.
function axes({ xs, ys, xTitle, yTitle, isLog = false, share = 0.56 }) {
  // Drawn in the size it is shown in, so that its text can be read on a phone, too.
  const width = Math.min(540, document.documentElement.clientWidth - 40),
    height = Math.max(share * width, 190);
  const svg = drawn("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  const x = (value) =>
    EDGE.left + ((value - xs[0]) / (xs[1] - xs[0] || 1)) * (width - EDGE.left - EDGE.right);
  const y = (value) =>
    height - EDGE.bottom - ((value - ys[0]) / (ys[1] - ys[0] || 1)) * (height - EDGE.top - EDGE.bottom);
  const rounded = (value) => String(Number(value.toPrecision(6)));
  const label = (value) => (isLog ? rounded(10 ** value) : rounded(value));
  for (const value of isLog ? powersOf(...ys) : ticksOf(...ys)) {
    svg.append(
      drawn("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      drawn("text", { x: EDGE.left - 7, y: y(value) + 4, "text-anchor": "end" }, label(value)),
    );
  }
  for (const value of ticksOf(...xs)) {
    svg.append(
      drawn("text", { x: x(value), y: height - EDGE.bottom + 17, "text-anchor": "middle" }, rounded(value)),
    );
  }
  svg.append(
    drawn("text", { x: (width + EDGE.left) / 2, y: height - 5, "text-anchor": "middle" }, xTitle),
    drawn(
      "text",
      { x: 12, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${height / 2})` },
      yTitle,
    ),
  );
  return { svg, x, y };
}

function line(points, colour, extra = {}) {
  const path = points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return drawn("path", { d: path, fill: "none", stroke: colour, "stroke-width": 2, ...extra });
}

function legend(entries) {
  return element(
    "div",
    { class: "legend" },
    ...entries.map(({ name, colour, dashed }) => {
      const mark = element("i", { class: dashed ? "dashed" : "" });
      mark.style.borderColor = colour;
      return element("span", {}, mark, name);
    }),
  );
}

// The terms of the loss, each times its weight: what the fit adds up.
function lossChart(curves) {
  const names = Object.keys(curves).filter((name) => name !== "step");
  const series = names
    .map((name) => ({ name, values: curves[name].map((value) => (value > 0 ? Math.log10(value) : null)) }))
    .filter(({ values }) => values.some((value) => value !== null));
  const all = series.flatMap(({ values }) => values).filter((value) => value !== null);
  if (!all.length) return null;
  const top = Math.max(...all),
    ys = [Math.max(Math.min(...all), top - 4.5), top + 0.05];
  const { svg, x, y } = axes({
    xs: [0, curves.step[curves.step.length - 1]],
    ys,
    isLog: true,
    xTitle: "step of the fit",
    yTitle: "term times its weight",
  });
  series.sort((one, two) => (two.name === "total") - (one.name === "total"));
  series.forEach(({ name, values }, k) => {
    let piece = [];
    const draw = () => {
      if (piece.length > 1)
        svg.append(line(piece, COLOURS[k % COLOURS.length], { "stroke-width": name === "total" ? 3 : 1.4 }));
      piece = [];
    };
    values.forEach((value, at) => {
      if (value === null) draw();
      else piece.push([x(curves.step[at]), y(Math.min(Math.max(value, ys[0]), ys[1]))]);
    });
    draw();
  });
  const named = series.map(({ name }, k) => ({
    name: name.replaceAll("_", " "),
    colour: COLOURS[k % COLOURS.length],
  }));
  return element("div", {}, svg, legend(named));
}

// A metric against the blur rate: each sample, the mean of each bin with its interval, the paper.
function rateChart(metric, curves, rows, titles) {
  const methods = Object.keys(curves);
  const dots = rows.filter((row) => row.blur_rate && row[metric.name]);
  const bins = curves[methods[0]] || [];
  const rates = [...dots.map((row) => Number(row.blur_rate)), ...bins.map((bin) => bin.to)];
  const values = dots.map((row) => Number(row[metric.name]));
  for (const method of methods)
    for (const bin of curves[method]) if (bin[metric.name].mean !== null) values.push(bin[metric.name].mean);
  if (!rates.length || !values.length) return null;
  const paper = metric.paper || [];
  values.push(...paper);
  const isError = metric.name.endsWith("_mm");
  const ys = isError ? [0, Math.max(...values) * 1.05] : [Math.max(0, Math.min(...values) - 0.05), 1];
  const { svg, x, y } = axes({
    xs: [0, Math.max(...rates) * 1.02],
    ys,
    xTitle: "blur rate",
    yTitle: isError ? "mm" : "IoU",
  });
  const colour = (method) => COLOURS[methods.indexOf(method) % COLOURS.length];
  for (const row of dots) {
    const name = `${row.sample_id}, ${titles[row.method] || row.method}: ${short(row[metric.name], isError ? 1 : 2)}`;
    svg.append(
      drawn(
        "circle",
        { cx: x(row.blur_rate), cy: y(row[metric.name]), r: 3, fill: colour(row.method), opacity: 0.45 },
        drawn("title", {}, name),
      ),
    );
  }
  const middle = (bin) => (bin.from + bin.to) / 2;
  const entries = [];
  for (const method of methods) {
    const full = curves[method].filter((bin) => bin[metric.name].mean !== null);
    for (const bin of full) {
      const { low, high } = bin[metric.name];
      if (low !== null)
        svg.append(
          drawn("line", {
            x1: x(middle(bin)),
            x2: x(middle(bin)),
            y1: y(low),
            y2: y(high),
            stroke: colour(method),
            "stroke-width": 1.2,
          }),
        );
    }
    svg.append(
      line(
        full.map((bin) => [x(middle(bin)), y(bin[metric.name].mean)]),
        colour(method),
      ),
    );
    for (const bin of full)
      svg.append(
        drawn("rect", {
          x: x(middle(bin)) - 3.5,
          y: y(bin[metric.name].mean) - 3.5,
          width: 7,
          height: 7,
          fill: colour(method),
        }),
      );
    entries.push({ name: titles[method] || method, colour: colour(method) });
  }
  if (paper.length === bins.length && paper.length) {
    svg.append(
      line(
        paper.map((value, k) => [x(middle(bins[k])), y(value)]),
        "#888c94",
        { "stroke-dasharray": "6 4" },
      ),
    );
    entries.push({ name: "the paper, on its own data", colour: "#888c94", dashed: true });
  }
  return element("div", {}, element("h3", {}, metric.title), svg, legend(entries));
}
