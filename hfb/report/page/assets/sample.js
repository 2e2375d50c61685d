// One sample: warnings, pictures, 3D view, curves, numbers. One is shown at a time.

const FILES = [
  ["mesh.glb", "moving body"],
  ["mesh_morph.glb", "as morph targets"],
  ["mesh.usdz", "as USD"],
  ["motion.bvh", "skeleton"],
  ["motion.npz", "SMPL motion (AMASS)"],
  ["motion_reversed.npz", "the other direction of time"],
  ["subframes.mp4", "sharp video"],
  ["comparison.png", "all images"],
  ["people.png", "who is who"],
  ["texture.png", "texture"],
  ["per_photo.csv", "numbers of each photo"],
];
const PER_PHOTO = [
  ["reblur_psnr_db", "re-blur PSNR, dB", 0.1],
  ["matte_iou", "IoU with the matte", 0.01],
];

class SamplePanel {
  constructor(place, run) {
    this.place = place;
    this.run = run;
  }

  show(card) {
    if (this.pictures) this.pictures.stop();
    if (this.stage) this.stage.dispose();
    const stage = new Stage(card, this.run.surfaces);
    const pictures = new Pictures(card, (frame) => stage.show(frame));
    [this.stage, this.pictures] = [stage, pictures];
    const curves = card.per_photo ? null : this.curves(card);
    this.place.hidden = false;
    this.place.replaceChildren(
      element(
        "div",
        { class: "card" },
        element("h2", {}, card.sample_id),
        element("p", { class: "quiet" }, this.subtitle(card)),
        ...this.warnings(card),
        pictures.node,
        card.people ? this.people(card.people) : null,
        card.per_photo ? this.perPhoto(card.per_photo.rows) : null,
        element("div", { class: curves ? "beside" : "" }, stage.node, curves),
        element("h3", {}, "Numbers, and how sure they are"),
        this.numbers(card),
        ...card.notes.map((note) => element("p", { class: "quiet" }, note)),
        this.files(card),
      ),
    );
    stage.start();
  }

  subtitle(card) {
    const photos = card.num_photos === 1 ? "one photo" : `${card.num_photos} photos`;
    const size = `${card.size[0]} × ${card.size[1]} px`;
    const method = this.run.titles[card.method] || card.method;
    return `${photos} of ${size} · ${method} · ${short(card.seconds, card.seconds < 10 ? 1 : 0)} s`;
  }

  warnings({ warnings }) {
    if (!warnings.length) return [element("p", { class: "fine" }, "✓ No warnings.")];
    return warnings.map(({ text, code, severe }) => {
      const begin = element("b", {}, severe ? "Not to be used: " : "Warning: ");
      const kind = { class: severe ? "warning severe" : "warning" };
      return element("div", kind, begin, `${text} `, element("code", {}, code));
    });
  }

  people({ number, count, words, picture }) {
    const title = `Person ${number} of ${count}`;
    return element(
      "div",
      { class: "people" },
      element("h3", {}, title),
      element("img", { src: picture, alt: `${title}: everybody outlined and numbered` }),
      element("p", { class: "quiet" }, `${words}. The others are painted over in the photo above.`),
    );
  }

  curves(card) {
    const chart = card.curves.step ? lossChart(card.curves) : null;
    const none = element("p", { class: "quiet" }, "This method has no curves.");
    return element("div", {}, element("h3", {}, "The fit: terms of the loss"), chart || none);
  }

  perPhoto(rows) {
    const charts = PER_PHOTO.map(([name, title, room]) => {
      const values = rows.map((row) => Number(row[name]));
      const { svg, x, y } = axes({
        xs: [0, Math.max(rows.length - 1, 1)],
        ys: [Math.min(...values), Math.max(...values) + room],
        xTitle: "photo",
        yTitle: title,
        share: 0.42,
      });
      svg.append(
        line(
          values.map((value, k) => [x(k), y(value)]),
          COLOURS[0],
        ),
      );
      return element("div", {}, svg);
    });
    const plots = element("div", { class: "plots" }, ...charts);
    return element("div", {}, element("h3", {}, "Over the photos"), plots);
  }

  numbers(card) {
    const heads = ["", "start", "result", "how sure"].map((text) => element("th", {}, text));
    const rows = card.numbers.map(({ name, start, value, sure }) =>
      element(
        "tr",
        {},
        element("td", {}, name),
        element("td", { class: "number" }, start ? `${start} →` : ""),
        element("td", { class: "number" }, element("b", {}, value)),
        element("td", {}, sure),
      ),
    );
    const head = element("thead", {}, element("tr", {}, ...heads));
    return element("table", { class: "numbers" }, head, element("tbody", {}, ...rows));
  }

  files(card) {
    const folder = this.run.up ? "." : `samples/${encodeURIComponent(card.sample_id)}`;
    const links = FILES.filter(([name]) => card.files.includes(name)).flatMap(([name, title], k) => [
      k ? " · " : "",
      element("a", { href: `${folder}/${name}` }, name),
      ` ${title}`,
    ]);
    return element("p", { class: "quiet" }, "Files beside this page: ", ...links);
  }
}
