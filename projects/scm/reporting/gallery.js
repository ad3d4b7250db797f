// Toolbar, sorting, filtering, cards and the large view.
const OF = ['Predicted class', 'True class'];
const BATCH = 60;
const cards = document.getElementById('cards');
const more = document.getElementById('more');
const detail = document.getElementById('detail');
let shown = [], drawn = 0;

const SORTS = {
  file: ['In file order', null],
  ...(DATA.hasBoxes ? { worst: ['Worst box first', (a, b) => iouOf(a) - iouOf(b)],
  best: ['Best box first', (a, b) => iouOf(b) - iouOf(a)] } : {}),
  sure: ['Most certain errors first', (a, b) => certainError(b) - certainError(a)],
  class: ['By class', (a, b) => IMAGES[a][3] - IMAGES[b][3]],
  differ: ['Largest disagreement first', (a, b) => spread(b) - spread(a)],
};
if (RUNS.length < 2 || !DATA.hasBoxes) delete SORTS.differ;

const iouOf = (i) => view(RUNS[state.run], i, state.of).iou;
const isRight = (run, i) => KINDS[kindOf(run, i)].key === 'right';
const certainError = (i) =>
  RUNS[state.run].score[i] - (isRight(RUNS[state.run], i) ? 2 : 0);
function spread(i) {
  const all = RUNS.map((run) => view(run, i, state.of).iou);
  return Math.max(...all) - Math.min(...all);
}

function select() {
  const run = RUNS[state.run], words = state.text.toLowerCase();
  const kinds = new Set(state.kinds === '' ? [] : state.kinds.split('.').map(Number));
  const keep = (i) => {
    const [path, , , label] = IMAGES[i];
    if (kinds.size && !kinds.has(kindOf(run, i))) return false;
    if (state.label !== '' && label !== Number(state.label)) return false;
    if (state.bin !== '' && Math.min(19, Math.floor(iouOf(i) * 20)) !== Number(state.bin)) return false;
    if (state.differ && RUNS.every((r) => isRight(r, i) === isRight(RUNS[0], i))) return false;
    if (words && !(path + ' ' + className(label)).toLowerCase().includes(words)) return false;
    return true;
  };
  shown = IMAGES.map((_, i) => i).filter(keep);
  const compare = SORTS[state.sort]?.[1];
  if (compare) shown.sort((a, b) => compare(a, b) || a - b);
}

// Cards off the screen hold no picture, so 6,000 of them stay light.
const filled = new Map();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const held = filled.get(entry.target);
    if (held) entry.isIntersecting ? held.fill() : held.empty();
  }
}, { rootMargin: '600px' });
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) append();
}, { rootMargin: '900px' }).observe(more);

function card(position) {
  const i = shown[position], run = RUNS[state.run], [path, , , label] = IMAGES[i];
  const held = picture(i, run, RUNS, true);
  const results = RUNS.map((r) => el('span', {},
    swatch(r.color), `${DATA.hasBoxes ? view(r, i, state.of).iou.toFixed(2) + ' ' : ''}${KINDS[kindOf(r, i)].name}`));
  const node = el('button', {
    type: 'button', class: 'card',
    onclick: () => openDetail(position),
  }, held.node,
  el('span', { class: 'nm', title: path }, className(label)),
  el('span', { class: 'res' }, results));
  filled.set(node, held);
  watcher.observe(node);
  return node;
}

function append() {
  const next = Math.min(shown.length, drawn + BATCH);
  const nodes = [];
  while (drawn < next) nodes.push(card(drawn++));
  cards.append(...nodes);
  more.hidden = drawn >= shown.length;
}

function render() {
  select();
  watcher.disconnect();
  filled.clear();
  cards.replaceChildren();
  drawn = 0;
  append();
  const filtered = ['text', 'label', 'kinds', 'bin', 'differ'].some((k) => state[k] !== DEFAULTS[k]);
  const of = filtered ? `${shown.length} of ${IMAGES.length}` : IMAGES.length;
  const bin = state.bin === '' ? ''
    : `, IoU ${(state.bin / 20).toFixed(2)} to ${((+state.bin + 1) / 20).toFixed(2)}`;
  const key = (color, name) => el('span', {},
    el('span', { class: 'key', style: `border-color:${color}` }), name);
  document.getElementById('status').replaceChildren(
    el('span', {}, `${of} images${bin}`, filtered ? el('button', {
      type: 'button', id: 'clear',
      onclick: () => change({ text: '', label: '', kinds: '', bin: '', differ: 0 }),
    }, 'Show all') : ''),
    DATA.hasBoxes || DATA.hasMasks ? key(DATA.gtColor, 'annotated') : '', ...RUNS.map((r) => key(r.color, r.name)));
}

function openDetail(position) {
  const i = shown[position], [path, width, height, label] = IMAGES[i];
  const views = RUNS.map((run) => {
    const held = picture(i, run, [run], false);
    held.fill();
    held.node.classList.add('big');
    const { iou } = view(run, i, state.of);
    return el('figure', {}, held.node, el('figcaption', {},
      swatch(run.color), el('b', {}, run.name),
      DATA.hasBoxes ? ` · IoU ${iou.toFixed(3)} · ` : ' · ', KINDS[kindOf(run, i)].name,
      el('div', {}, `says ${className(run.pred[i])}, score ${run.score[i].toFixed(2)}`)));
  });
  const step = (by) => {
    const next = position + by;
    if (next < 0 || next >= shown.length) return;
    while (drawn <= next) append();
    openDetail(next);
  };
  const go = (text, name, by, off) => el('button', {
    type: 'button', 'aria-label': name, disabled: off, onclick: () => step(by),
  }, text);
  const focus = document.activeElement?.getAttribute('aria-label');
  detail.replaceChildren(
    el('div', { class: 'head' },
      el('h2', { id: 'detail-h' }, className(label)),
      el('div', { class: 'row', style: 'flex-wrap:nowrap' },
        go('←', 'Previous picture', -1, position === 0),
        go('→', 'Next picture', 1, position === shown.length - 1),
        el('button', { type: 'button', 'aria-label': 'Close', onclick: () => detail.close() }, '✕'))),
    el('div', { class: 'views' }, views),
    el('div', { class: 'row' }, el('label', {}, 'Heat map '), heatSlider()),
    el('p', { class: 'hint', style: 'overflow-wrap:anywhere;margin:8px 0 0' },
      `${path} · ${width}×${height} pixels · box and heat map of the ${OF[state.of].toLowerCase()} · ` +
      `picture ${position + 1} of ${shown.length} · keys ← →`));
  if (!detail.open) detail.showModal();
  else detail.querySelector(`[aria-label="${focus}"]:not(:disabled)`)?.focus();
  detail.onkeydown = (event) => {
    if (event.target.type === 'range') return;
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  };
  detail.onclose = () => cards.children[position]?.focus();
}
detail.addEventListener('click', (event) => {
  if (event.target === detail) detail.close();
});

function heatSlider() {
  return el('input', {
    type: 'range', class: 'heat-slider', min: 0, max: 100, value: state.heat,
    'aria-label': 'Opacity of the heat map',
    oninput: (event) => change({ heat: Number(event.target.value) }),
  });
}

function choice(name, key, options) {
  const node = el('select', { onchange: () => change({ [key]: typeof DEFAULTS[key] === 'number' ? Number(node.value) : node.value }) },
    options.map(([value, text]) => el('option', { value }, text)));
  const sync = () => { node.value = state[key]; };
  listeners.push(sync);
  sync();
  return el('label', {}, name, node);
}

// Figures of the protocol in front at the boxes' threshold, IoU 0.5.
function figuresAt(run) {
  const tau = state.tau === '' ? run.tau : Number(state.tau);
  if (tau === null || !DATA.hasBoxes) return '';
  const line = DATA.ious.indexOf(.5);
  return DATA.curves.map(({ name, thresholds }, k) => {
    if (!name.endsWith(`(${DATA.protocol})`)) return '';
    const j = thresholds.reduce((best, t, at) =>
      Math.abs(t - tau) < Math.abs(thresholds[best] - tau) ? at : best, 0);
    return ` · ${name.replace(/ \(.*\)$/, '')} ${run.curves[k][line][j].toFixed(1)} %`;
  }).join('');
}

function toolbar() {
  const counts = {};
  for (const [, , , label] of IMAGES) counts[label] = (counts[label] ?? 0) + 1;
  const labels = Object.keys(counts).sort((a, b) =>
    className(a).localeCompare(className(b), undefined, { numeric: true }));
  const search = el('input', {
    type: 'search', placeholder: 'name or class',
    oninput: () => { clearTimeout(search.wait); search.wait = setTimeout(() => change({ text: search.value }), 200); },
  });
  const chips = KINDS.map((kind, k) => el('button', {
    type: 'button', title: kind.text,
    onclick: () => {
      const set = new Set(state.kinds === '' ? [] : state.kinds.split('.'));
      set.has(String(k)) ? set.delete(String(k)) : set.add(String(k));
      change({ kinds: [...set].sort().join('.') });
    },
  }));
  const differ = el('button', {
    type: 'button', onclick: () => change({ differ: 1 - state.differ }),
  }, 'Only where the runs differ');
  const sync = () => {
    const set = new Set(state.kinds === '' ? [] : state.kinds.split('.'));
    const counts = kindCounts(RUNS[state.run]);
    chips.forEach((chip, k) => {
      chip.setAttribute('aria-pressed', set.has(String(k)));
      chip.replaceChildren(KINDS[k].name, ' ', el('span', {}, counts[k]));
    });
    differ.setAttribute('aria-pressed', Boolean(state.differ));
    if (document.activeElement !== search) search.value = state.text;
    document.documentElement.style.setProperty('--heat', state.heat / 100);
    for (const slider of document.querySelectorAll('.heat-slider')) slider.value = state.heat;
    for (const slider of document.querySelectorAll('.tau-slider')) {
      slider.value = state.tau === '' ? RUNS[0].tau ?? .2 : state.tau;
    }
    chosen.setAttribute('aria-pressed', state.tau === '');
    tell();
  };
  listeners.push(sync);
  const chosen = el('button', {
    type: 'button', onclick: () => change({ tau: '' }),
  }, 'As chosen');
  const figures = el('p', { id: 'figures', class: 'readout', 'aria-live': 'polite' });
  const tell = () => figures.replaceChildren(...RUNS.map((run) => el('span', {}, swatch(run.color),
    `τ ${tauText(run)}${figuresAt(run)}`)), DATA.tauNote);
  const filters = el('details', { open: matchMedia('(min-width: 641px)').matches },
    el('summary', {}, 'Filters'),
    el('div', { class: 'filters' },
      choice('Class', 'label', [['', 'all'], ...labels.map((l) => [l, `${className(l)} (${counts[l]})`])]),
      el('label', {}, 'Search', search),
      el('fieldset', {}, el('legend', {}, RUNS.length > 1 ? 'Outcome in the chosen run' : 'Outcome'),
        el('div', { class: 'chips' }, chips, RUNS.length > 1 ? differ : null))));
  document.getElementById('toolbar').append(
    choice('Sort', 'sort', Object.entries(SORTS).map(([k, [name]]) => [k, name])),
    RUNS.length > 1 ? choice('Heat map of', 'run', RUNS.map((r, k) => [k, r.name])) : '',
    choice('Boxes and maps of the', 'of', OF.map((name, k) => [k, name.toLowerCase()])),
    el('label', { class: 'heat' }, 'Heat map opacity', heatSlider()),
    el('label', { class: 'heat' }, 'Threshold', tauSlider()), chosen, figures,
    filters);
  sync();
}
