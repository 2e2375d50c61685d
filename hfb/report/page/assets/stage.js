// The 3D view of a sample with its buttons.

const VIEWS = [
  ["side", "Slanted"],
  ["camera", "As photographed"],
  ["right", "Side"],
  ["back", "Back"],
  ["top", "Top"],
];
const TURN_A_FRAME = 0.012;

class Stage {
  constructor(card, surfaces) {
    this.card = card;
    this.surfaces = surfaces;
    this.frame = 0;
    this.view = null;
    this.node = card.body ? this.withBody() : this.withoutBody();
  }

  withoutBody() {
    const text = "This method has no body with joints; its mesh.glb opens in any viewer.";
    return element("div", {}, element("h3", {}, "In 3D"), element("p", { class: "quiet" }, text));
  }

  withBody() {
    const ask = (what) => () => this.view && what(this.view);
    const views = VIEWS.map(([name, title]) =>
      element("button", { onclick: ask((view) => view.look(name)) }, title),
    );
    const parts = ["photo", "paths", "texture"].map((part) =>
      toggle(part, true, (isOn) => this.view && this.view.setPart(part, isOn)),
    );
    const nearer = element("button", { "aria-label": "nearer", onclick: ask((v) => v.zoom(1.25)) }, "+");
    const farther = element("button", { "aria-label": "farther", onclick: ask((v) => v.zoom(0.8)) }, "−");
    const turning = toggle("turn", false, (isOn) => this.turn(isOn));
    this.canvas = element("canvas", { id: "body" });
    this.holder = element("div", { class: "stage" }, this.canvas);
    const tools = element("div", { class: "tools" }, ...views, ...parts, turning, nearer, farther);
    return element("div", {}, element("h3", {}, "In 3D: drag to turn"), this.holder, tools);
  }

  // To be called when the node is on the page: the view has the size of its place.
  async start() {
    if (!this.card.body) return;
    try {
      const view = await BodyView.create(this.canvas, this.card, this.surfaces[this.card.surface]);
      if (this.isGone) return view.dispose(); // another sample was chosen meanwhile
      this.view = view;
      this.show(this.frame);
      this.canvas.dataset.ready = "yes";
    } catch (error) {
      const text = `This browser cannot draw the 3D view (${error.message}). mesh.glb opens in any viewer.`;
      console.warn(text);
      this.holder.replaceChildren(element("p", { class: "none" }, text));
    }
  }

  show(frame) {
    this.frame = frame;
    if (this.view) this.view.show(frame);
  }

  turn(isOn) {
    this.isTurning = isOn;
    const step = () => {
      if (!this.isTurning || this.isGone) return;
      if (this.view) this.view.turn(TURN_A_FRAME);
      requestAnimationFrame(step);
    };
    step();
  }

  dispose() {
    this.isGone = true;
    if (this.view) this.view.dispose();
  }
}
