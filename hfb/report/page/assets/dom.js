// Elements, numbers and packed arrays. Text of samples goes into text nodes only.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// A button that is pressed or not; `onChange` is told which.
function toggle(title, isOn, onChange) {
  const button = element("button", { "aria-pressed": String(isOn) }, title);
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    onChange(now);
  });
  return button;
}

function json(node) {
  return JSON.parse(node.textContent);
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function numbers(text, Kind) {
  return new Kind(await inflated(text));
}

function once(make) {
  let made = null;
  return () => (made = made || make());
}

// three.js, unpacked when the first body is shown.
const loadThree = once(async () => {
  const bytes = await inflated(document.getElementById("three").textContent.trim());
  return (0, eval)(new TextDecoder().decode(bytes) + "\n;THREE");
});

function short(value, digits = 2) {
  return value === "" || value === null || value === undefined ? "–" : Number(value).toFixed(digits);
}
