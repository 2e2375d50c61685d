// One sample: pictures, player, 3D view, numbers, curves. One is shown at a time.

const SECONDS_A_PHOTO = 2.2;
const VIEWS = [["side", "Slanted"], ["camera", "As photographed"], ["right", "Side"], ["back", "Back"], ["top", "Top"]];
const FILES = [
  ["mesh.glb", "moving body"], ["mesh_morph.glb", "as morph targets"], ["mesh.usdz", "as USD"], ["motion.bvh", "skeleton"], ["motion.npz", "SMPL motion (AMASS)"], ["motion_reversed.npz", "the other direction of time"],
  ["subframes.mp4", "sharp video"], ["comparison.png", "all images"], ["texture.png", "texture"], ["per_photo.csv", "numbers of each photo"]];

class SamplePanel {
  constructor(place, run) {
    this.place = place;
    this.run = run;
    this.view = null;
    this.playing = false;
  }

  show(card) {
    this.close();
    this.card = card;
    this.frame = 0;
    this.place.hidden = false;
    this.place.replaceChildren(element("div", { class: "card" },
      element("h2", {}, card.sample_id), element("p", { class: "quiet" }, this.subtitle()),
      ...this.warnings(), this.pictures(),
      card.per_photo ? this.perPhoto() : null,
      card.per_photo ? this.stage() : element("div", { class: "beside" }, this.stage(), this.curves()),
      element("h3", {}, "Numbers, and how sure they are"), this.numbers(), ...this.notes(), this.files()));
    this.showFrame(0);
    if (card.body) this.showBody();
  }

  close() {
    this.stop();
    if (this.view) this.view.dispose();
    this.view = null;
    this.card = null;
  }

  subtitle() {
    const { card } = this, title = this.run.titles[card.method] || card.method;
    const photos = card.num_photos === 1 ? "one photo" : `${card.num_photos} photos`;
    return `${photos} of ${card.size[0]} × ${card.size[1]} px · ${title} · ${short(card.seconds, 0)} s`;
  }

  warnings() {
    const { warnings } = this.card;
    if (!warnings.length) return [element("p", { class: "fine" }, "✓ No warnings.")];
    return warnings.map(({ text, code, severe }) => element("div", { class: severe ? "warning severe" : "warning" },
      element("b", {}, severe ? "Not to be used: " : "Warning: "), `${text} `, element("code", {}, code)));
  }

  pictures() {
    this.input = element("img", { alt: "the blurry input" });
    this.reblurred = element("img", { alt: "the estimate, blurred again" });
    this.sharp = element("canvas", { class: "frame", id: "sharp" });
    this.overlay = drawn("svg", { class: "paths" });
    this.images = this.card.frames.map(({ image }) => {
      const picture = new Image();
      picture.onload = () => this.drawSharp();
      picture.src = image;
      return picture;
    });
    this.timeLabel = element("span");
    const toggle = element("button", { "aria-pressed": "true", onclick: () => {
      const isShown = toggle.getAttribute("aria-pressed") !== "true";
      toggle.setAttribute("aria-pressed", String(isShown));
      this.overlay.style.display = isShown ? "" : "none";
    } }, "joint paths");
    const hasPaths = this.card.photos.some(({ paths }) => paths);
    return this.gallery = element("div", { class: "pictures" },
      element("figure", {}, this.input, this.overlay, element("figcaption", {}, "Input", hasPaths ? toggle : null)),
      element("figure", {}, this.reblurred, element("figcaption", {}, "Estimate, blurred again")),
      element("figure", { class: "sharp" }, this.sharp, element("figcaption", {}, "Sharp, inside the exposure", this.timeLabel)),
      this.player());
  }

  player() {
    const last = this.card.frames.length - 1;
    this.slider = element("input", { type: "range", id: "time", min: 0, max: last, step: 0.05, value: 0, "aria-label": "time inside the exposure", oninput: () => {
      this.stop();
      this.showFrame(Number(this.slider.value));
    } });
    this.button = element("button", { class: "play", id: "play", onclick: () => (this.playing ? this.stop() : this.play()) }, "▶ Play");
    this.clock = element("output");
    return element("div", { class: "player" }, this.button, this.slider, this.clock);
  }

  play() {
    const last = this.card.frames.length - 1, seconds = SECONDS_A_PHOTO * this.card.photos.length;
    this.playing = true;
    this.button.textContent = "❚❚ Stop";
    let before = null, frame = this.frame >= last ? 0 : this.frame, hold = 0;
    const step = (now) => {
      if (!this.playing) return;
      const passed = before === null ? 0 : (now - before) / 1000;
      before = now;
      if (frame >= last && (hold += passed) > 0.5) [frame, hold] = [0, 0];
      else frame = Math.min(frame + (passed * last) / seconds, last);
      this.slider.value = frame;
      this.showFrame(frame);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    if (this.button) this.button.textContent = "▶ Play";
  }

  showFrame(frame) {
    this.frame = frame;
    const { frames } = this.card, near = Math.round(frame), low = Math.floor(frame), high = Math.min(low + 1, frames.length - 1);
    const time = frames[low].time_ms + (frame - low) * (frames[high].time_ms - frames[low].time_ms);
    this.clock.textContent = `${time.toFixed(frames[frames.length - 1].time_ms < 20 ? 2 : 1)} ms`;
    const number = frames[near].photo, photo = this.card.photos[number];
    this.timeLabel.textContent = this.card.photos.length > 1 ? `photo ${number + 1} of ${this.card.photos.length}` : "";
    if (this.shownPhoto !== photo) {
      this.shownPhoto = photo;
      this.input.src = photo.photo;
      this.reblurred.src = photo.reblurred;
      const [x, y, width, height] = photo.inside;
      this.gallery.style.setProperty("--ratio", `${width} / ${height}`);
      this.overlay.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
      [this.sharp.width, this.sharp.height] = [width, height];
      this.drawPaths(photo.paths);
    }
    this.drawSharp();
    if (this.view) this.view.show(frame);
  }

  drawSharp() {
    const image = this.card && this.images[Math.round(this.frame)];
    if (image && image.complete) this.sharp.getContext("2d").drawImage(image, 0, 0, this.sharp.width, this.sharp.height);
  }

  drawPaths(paths) {
    this.overlay.replaceChildren();
    if (!paths) return;
    paths[0].forEach((_, joint) => {
      for (let k = 1; k < paths.length; k++) {
        const [x1, y1] = paths[k - 1][joint], [x2, y2] = paths[k][joint];
        const share = `${Math.round((100 * k) / (paths.length - 1))}%`;
        this.overlay.append(drawn("line", { x1, y1, x2, y2, "stroke-width": 1.8, "stroke-linecap": "round", style: `stroke: color-mix(in srgb, var(--end) ${share}, var(--start))` }));
      }
      const [x, y] = paths[paths.length - 1][joint];
      this.overlay.append(drawn("circle", { cx: x, cy: y, r: 2.5, style: "fill: var(--end)" }));
    });
  }

  stage() {
    if (!this.card.body) {
      return element("div", {}, element("h3", {}, "In 3D"), element("p", { class: "quiet" }, "This method has no body with joints; its mesh.glb opens in any viewer."));
    }
    this.holder = element("div", { class: "stage" }, element("canvas", { id: "body" }));
    const views = VIEWS.map(([name, title]) => element("button", { onclick: () => this.view && this.view.look(name) }, title));
    const toggles = [["photo", "photo"], ["paths", "paths"], ["texture", "texture"]].map(([part, title]) => {
      const button = element("button", { "aria-pressed": "true", onclick: () => this.toggle(button, part) }, title);
      return button;
    });
    const nearer = [["+", 1.25], ["−", 0.8]].map(([sign, factor]) => element("button", { "aria-label": factor > 1 ? "nearer" : "farther", onclick: () => this.view && this.view.zoom(factor) }, sign));
    const turn = element("button", { "aria-pressed": "false", onclick: () => this.keepTurning(turn) }, "turn");
    return element("div", {}, element("h3", {}, "In 3D: drag to turn"), this.holder,
      element("div", { class: "tools" }, ...views, ...toggles, turn, ...nearer));
  }

  async showBody() {
    const { card } = this, canvas = this.holder.querySelector("canvas");
    try {
      const view = await BodyView.create(canvas, card, this.run.surfaces[card.surface]);
      if (this.card !== card) return view.dispose(); // another sample was chosen meanwhile
      this.view = view;
      this.view.show(this.frame);
      canvas.dataset.ready = "yes";
    } catch (error) {
      console.warn(String(error));
      this.holder.replaceChildren(element("p", { class: "none" }, `This browser cannot draw the 3D view (${error.message}). mesh.glb opens in any viewer.`));
    }
  }

  toggle(button, part) {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    if (!this.view) return;
    if (part === "texture") this.view.mesh.material = isOn ? this.view.textured : this.view.clay;
    else this.view[part].visible = isOn;
    this.view.draw();
  }

  keepTurning(button) {
    const isOn = button.getAttribute("aria-pressed") !== "true", view = this.view;
    button.setAttribute("aria-pressed", String(isOn));
    const step = () => {
      if (!view || view.isGone || button.getAttribute("aria-pressed") !== "true") return;
      view.turn(0.012);
      requestAnimationFrame(step);
    };
    step();
  }

  curves() {
    const chart = this.card.curves.step ? lossChart(this.card.curves) : null;
    return element("div", {}, element("h3", {}, "The fit: terms of the loss"),
      chart || element("p", { class: "quiet" }, "The curves of this fit were not kept."));
  }

  perPhoto() {
    const { rows } = this.card.per_photo;
    const charts = [["reblur_psnr_db", "re-blur PSNR, dB", 1], ["matte_iou", "IoU with the matte", 2]].map(([name, title, digits]) => {
      const points = rows.map((row, k) => [k, Number(row[name])]);
      const values = points.map(([, value]) => value);
      const { svg, x, y } = axes({ xs: [0, Math.max(rows.length - 1, 1)], ys: [Math.min(...values), Math.max(...values) + 10 ** -digits], xTitle: "photo", yTitle: title, share: 0.42 });
      svg.append(line(points.map(([k, value]) => [x(k), y(value)]), COLOURS[0]));
      return element("div", {}, svg);
    });
    return element("div", {}, element("h3", {}, "Over the photos"), element("div", { class: "plots" }, ...charts));
  }

  numbers() {
    const head = element("thead", {}, element("tr", {}, ...["", "start", "result", "how sure"].map((text) => element("th", {}, text))));
    const rows = this.card.numbers.map(({ name, start, value, sure }) => element("tr", {},
      element("td", {}, name), element("td", { class: "number" }, start ? `${start} →` : ""), element("td", { class: "number" }, element("b", {}, value)), element("td", {}, sure)));
    return element("table", { class: "numbers" }, head, element("tbody", {}, ...rows));
  }

  notes() {
    return this.card.notes.map((note) => element("p", { class: "quiet" }, note));
  }

  files() {
    const folder = `samples/${encodeURIComponent(this.card.sample_id)}`;
    const links = FILES.filter(([name]) => this.card.files.includes(name)).flatMap(([name, title], k) => [k ? " · " : "", element("a", { href: `${folder}/${name}` }, name), ` ${title}`]);
    return element("p", { class: "quiet" }, "Files beside this page: ", ...links);
  }
}
