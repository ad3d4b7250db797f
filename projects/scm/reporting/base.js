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
  differ: 0, heat: 50, tau: '',
};
const state = { ...DEFAULTS };
const listeners = [];

function readAddress() {
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
    if (!(key in DEFAULTS)) continue;
    state[key] = typeof DEFAULTS[key] === 'number' ? Number(value) : value;
  }
  if (!RUNS[state.run]) state.run = 0;
  if (!(state.tau >= 0 && state.tau <= 1)) state.tau = '';
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

// Stop of the slider, or -1 for the threshold that was chosen.
const stop = () => state.tau === ''
  ? -1 : Math.round(state.tau * (DATA.taus.length - 1));

// Boxes, overlaps and kinds at all stops; a true class has a row of its own
// only where another one was predicted.
function swept(run, k) {
  run.decoded ??= [];
  return run.decoded[k] ??= (() => {
    const bytes = (name) => run.swept[k][name] === undefined ? null
      : Uint8Array.from(atob(run.swept[k][name]), (c) => c.charCodeAt(0));
    const iou = bytes('iou');
    let next = 0;
    return {
      box: bytes('box'), kind: bytes('kind'),
      iou: iou && new DataView(iou.buffer),
      row: run.map[k].map((map) => map === null ? -1 : next++),
    };
  })();
}

// The box, its IoU and the map of the predicted (0) or the true class (1).
function view(run, i, of) {
  const k = of && run.map[1][i] !== null ? 1 : 0, at = stop();
  const map = run.map[k][i];
  if (at < 0) return { box: run.box[k][i], iou: run.iou[k][i], map };
  const held = swept(run, k), place = held.row[i] * DATA.taus.length + at;
  const sides = [IMAGES[i][1] / DATA.frame[0], IMAGES[i][2] / DATA.frame[1]];
  const box = [0, 1, 2, 3].map((c) => held.box[4 * place + c] * sides[c % 2]);
  const iou = held.iou ? held.iou.getUint16(2 * place, true) / 1e4 : 0;
  return { box, iou, map };
}

const kindOf = (run, i) => stop() < 0
  ? run.kind[i] : swept(run, 0).kind[i * DATA.taus.length + stop()];

function kindCounts(run) {
  if (stop() < 0) return run.kindCounts;
  const counts = KINDS.map(() => 0);
  IMAGES.forEach((_, i) => counts[kindOf(run, i)]++);
  return counts;
}

const tauText = (run) => {
  const tau = state.tau === '' ? run.tau : Number(state.tau);
  return tau === null ? 'Otsu’s of each map' : tau.toFixed(2);
};

// Sliders of the threshold are one: all show the same.
function tauSlider() {
  return el('input', {
    type: 'range', class: 'tau-slider', min: 0, max: 1,
    step: 1 / (DATA.taus.length - 1), value: state.tau === '' ? RUNS[0].tau ?? .2 : state.tau,
    'aria-label': 'Threshold of the boxes',
    oninput: (event) => change({ tau: String(+Number(event.target.value).toFixed(3)) }),
  });
}
