// The pictures of a sample and the player that moves through the exposure.

const SECONDS_A_PHOTO = 2.2;

class Pictures {
  // `onFrame` is told where in the exposure the player is, as a number of the sub-frame.
  constructor(card, onFrame) {
    this.card = card;
    this.onFrame = onFrame;
    this.frame = 0;
    this.playing = false;
    this.images = card.frames.map(({ image }) => {
      const picture = new Image();
      picture.onload = () => this.drawSharp();
      picture.src = image;
      return picture;
    });
    this.input = element("img", { alt: "the blurry input" });
    this.overlay = drawn("svg", { class: "paths" });
    this.reblurred = element("img", { alt: "the estimate, blurred again" });
    this.sharp = element("canvas", { class: "frame", id: "sharp" });
    this.photoLabel = element("span");
    this.node = element(
      "div",
      { class: "pictures" },
      element("figure", {}, this.input, this.overlay, element("figcaption", {}, "Input", this.pathsButton())),
      element("figure", {}, this.reblurred, element("figcaption", {}, "Estimate, blurred again")),
      element(
        "figure",
        { class: "sharp" },
        this.sharp,
        element("figcaption", {}, "Sharp, inside the exposure", this.photoLabel),
      ),
      this.player(),
    );
    this.show(0);
  }

  get last() {
    return this.card.frames.length - 1;
  }

  pathsButton() {
    if (!this.card.photos.some(({ paths }) => paths)) return null;
    return toggle("joint paths", true, (isOn) => (this.overlay.style.display = isOn ? "" : "none"));
  }

  player() {
    this.slider = element("input", {
      type: "range",
      id: "time",
      min: 0,
      max: this.last,
      step: 0.05,
      value: 0,
      "aria-label": "time inside the exposure",
      oninput: () => {
        this.stop();
        this.show(Number(this.slider.value));
      },
    });
    const onclick = () => (this.playing ? this.stop() : this.play());
    this.button = element("button", { class: "play", id: "play", onclick }, "▶ Play");
    this.clock = element("output");
    return element("div", { class: "player" }, this.button, this.slider, this.clock);
  }

  play() {
    const { last } = this;
    const seconds = SECONDS_A_PHOTO * this.card.photos.length;
    let frame = this.frame >= last ? 0 : this.frame;
    let before = null;
    let held = 0;
    this.playing = true;
    this.button.textContent = "❚❚ Stop";
    const step = (now) => {
      if (!this.playing) return;
      const passed = before === null ? 0 : (now - before) / 1000;
      before = now;
      if (frame < last) {
        frame = Math.min(frame + (passed * last) / seconds, last);
      } else if ((held += passed) > 0.5) {
        [frame, held] = [0, 0];
      }
      this.slider.value = frame;
      this.show(frame);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    this.button.textContent = "▶ Play";
  }

  show(frame) {
    const { frames, photos } = this.card;
    this.frame = frame;
    const low = Math.floor(frame);
    const high = Math.min(low + 1, this.last);
    const time = frames[low].time_ms + (frame - low) * (frames[high].time_ms - frames[low].time_ms);
    this.clock.textContent = `${time.toFixed(frames[this.last].time_ms < 20 ? 2 : 1)} ms`;
    const number = frames[Math.round(frame)].photo;
    this.photoLabel.textContent = photos.length > 1 ? `photo ${number + 1} of ${photos.length}` : "";
    if (this.shown !== photos[number]) this.showPhoto(photos[number]);
    this.drawSharp();
    this.onFrame(frame);
  }

  showPhoto(photo) {
    const [x, y, width, height] = photo.inside;
    this.shown = photo;
    this.input.src = photo.photo;
    this.reblurred.src = photo.reblurred;
    this.node.style.setProperty("--ratio", `${width} / ${height}`);
    this.overlay.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    [this.sharp.width, this.sharp.height] = [width, height];
    this.drawPaths(photo.paths);
  }

  drawSharp() {
    const image = this.images[Math.round(this.frame)];
    if (!image.complete || !this.sharp) return;
    this.sharp.getContext("2d").drawImage(image, 0, 0, this.sharp.width, this.sharp.height);
  }

  drawPaths(paths) {
    this.overlay.replaceChildren();
    if (!paths) return;
    const last = paths.length - 1;
    paths[0].forEach((_, joint) => {
      for (let k = 1; k <= last; k++) {
        const [[x1, y1], [x2, y2]] = [paths[k - 1][joint], paths[k][joint]];
        const share = Math.round((100 * k) / last);
        const style = `stroke: color-mix(in srgb, var(--end) ${share}%, var(--start))`;
        this.overlay.append(
          drawn("line", { x1, y1, x2, y2, "stroke-width": 1.8, "stroke-linecap": "round", style }),
        );
      }
      const [cx, cy] = paths[last][joint];
      this.overlay.append(drawn("circle", { cx, cy, r: 2.5, style: "fill: var(--end)" }));
    });
  }
}
