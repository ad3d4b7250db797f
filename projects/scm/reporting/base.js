// Data of the page and small helpers; later files use them.
const DATA = JSON.parse(document.getElementById('data').textContent);
const { images: IMAGES, runs: RUNS, classes: CLASSES, kinds: KINDS } = DATA;
let thumbs = null;
const thumb = (i) => {
  thumbs ??= JSON.parse(document.getElementById('thumbs').textContent);
  return 'data:image/webp;base64,' + thumbs[i];
};

// What is shown; written to the address, so that a view can be sent around.
const DEFAULTS = {
  run: 0, of: 0, sort: 'file', text: '', label: '', kinds: '', bin: '',
  differ: 0, heat: 50,
};
const state = { ...DEFAULTS };
const listeners = [];

function readAddress() {
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
    if (!(key in DEFAULTS)) continue;
    state[key] = typeof DEFAULTS[key] === 'number' ? Number(value) : value;
  }
  if (!RUNS[state.run]) state.run = 0;
}

function change(patch) {
  Object.assign(state, patch);
  const kept = Object.entries(state).filter(([k, v]) => v !== DEFAULTS[k]);
  const hash = String(new URLSearchParams(kept));
  history.replaceState(null, '', hash ? '#' + hash : ' ');
  for (const listener of listeners) listener(patch);
}

// el('p', {class: 'a', onclick: f}, 'text', node, …)
const SVG = new Set(['svg', 'g', 'path', 'rect', 'line', 'text', 'title']);
function el(tag, attributes = {}, ...children) {
  const node = SVG.has(tag)
    ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

const percent = (x) => x.toFixed(1) + ' %';
const className = (label) => CLASSES[label] ?? 'class ' + label;
const swatch = (color) =>
  el('span', { class: 'swatch', style: `background:${color}` });

// The box, its IoU and the map of the predicted (0) or the true class (1).
function view(run, i, of) {
  const k = of && run.map[1][i] !== null ? 1 : 0;
  return { box: run.box[k][i], iou: run.iou[k][i], map: run.map[k][i] };
}
