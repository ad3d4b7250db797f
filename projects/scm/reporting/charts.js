// Charts, drawn once (and again where a choice changes what they show).
const W = 460, H = 250, LEFT = 38, RIGHT = 8, TOP = 10, BOTTOM = 34;
const DASH = ['2 4', '', '9 4'], LINE = ['dotted', 'solid', 'dashed'];

function chart(title, hint, ...content) {
  const node = el('div', { class: 'chart' },
    el('h3', {}, title), el('p', { class: 'hint' }, hint), ...content);
  document.querySelector('.charts').append(node);
  return node;
}

function axes(label, xTicks, xText, yMax, yTicks) {
  const x = (v) => LEFT + v * (W - LEFT - RIGHT);
  const y = (v) => H - BOTTOM - (v / yMax) * (H - TOP - BOTTOM);
  const svg = el('svg', {
    viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': label,
  });
  for (const v of yTicks) {
    svg.append(
      el('line', { class: 'grid', x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v) }),
      el('text', { x: LEFT - 6, y: y(v) + 4, 'text-anchor': 'end' }, v));
  }
  for (const v of xTicks) {
    svg.append(el('text', {
      x: x(v), y: H - BOTTOM + 16, 'text-anchor': 'middle',
    }, v));
  }
  svg.append(el('text', {
    x: (LEFT + W - RIGHT) / 2, y: H - 2, 'text-anchor': 'middle',
  }, xText));
  return { svg, x, y };
}

const runLegend = () => el('ul', { class: 'legend' },
  RUNS.map((run) => el('li', {}, swatch(run.color), run.name)));

function drawCurves() {
  const node = chart('Box accuracy over the threshold',
    'Share of the images that are hits, in %. Marks at the foot: the thresholds of the table. The slider moves boxes and figures of the whole page.');
  const names = DATA.curves.map((curve) => curve.name);
  const which = el('select', { 'aria-label': 'Measure', onchange: () => draw() },
    names.map((name, k) => el('option', { value: k }, name)));
  const slider = tauSlider();
  const readout = el('p', { class: 'readout', 'aria-live': 'polite' });
  const place = el('div');
  let read;
  const draw = () => {
    const k = Number(which.value), steps = DATA.curves[k].thresholds;
    const { svg, x, y } = axes(names[k] + ' against the threshold',
      [0, .2, .4, .6, .8, 1], 'threshold τ', 100, [0, 25, 50, 75, 100]);
    DATA.floors.forEach(([name, value], line) => svg.append(
      el('line', { class: 'floor', x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }),
      el('text', { class: 'floor', x: W - RIGHT, y: y(value) + (line && value > 10 ? 13 : -4), 'text-anchor': 'end' },
        `${name} ${value.toFixed(0)} %, IoU 0.5`)));
    for (const run of RUNS) {
      run.curves[k].forEach((values, line) => svg.append(el('path', {
        d: 'M' + values.map((v, j) => `${x(steps[j])} ${y(v)}`).join('L'),
        fill: 'none', stroke: run.color, 'stroke-width': 2, 'stroke-dasharray': DASH[line % 3],
      })));
      if (run.tau !== null) {
        svg.append(el('path', {
          d: `M${x(run.tau)} ${y(0)}l-5 9h10z`, fill: run.color,
        }));
      }
    }
    const cross = el('line', { class: 'cross', y1: y(0), y2: y(100) });
    svg.append(cross);
    read = (tau) => {
      cross.setAttribute('x1', x(tau));
      cross.setAttribute('x2', x(tau));
      const j = steps.reduce((best, t, at) =>
        Math.abs(t - tau) < Math.abs(steps[best] - tau) ? at : best, 0);
      readout.replaceChildren(`τ ${steps[j].toFixed(3)}:  `, ...RUNS.map((run) => el('span', {},
        swatch(run.color), run.curves[k].map((values) => values[j].toFixed(1)).join(' / '), '  ')));
    };
    svg.addEventListener('pointermove', (event) => {
      const area = svg.getBoundingClientRect();
      const at = ((event.clientX - area.left) / area.width) * W;
      read(Math.min(1, Math.max(0, (at - LEFT) / (W - LEFT - RIGHT))));
    });
    svg.addEventListener('pointerleave', () => read(Number(slider.value)));
    place.replaceChildren(svg);
    read(Number(slider.value));
  };
  listeners.push((patch) => {
    if ('tau' in patch) read(state.tau === '' ? RUNS[0].tau ?? .2 : Number(state.tau));
  });
  const kinds = DATA.ious.map((iou, k) => el('li', {},
    el('span', {
      class: 'line', style: `border-top-style:${LINE[k % 3]}`,
    }), `IoU ${iou}`));
  node.append(el('div', { class: 'row' }, which, slider), place, readout,
    el('ul', { class: 'legend' }, kinds, [...runLegend().children]));
  draw();
}

function drawHistogram() {
  const bins = 20;
  const node = chart('Overlap with the annotated box',
    'Share of the images by IoU, in %. A bar filters the pictures.');
  const place = node.appendChild(el('div'));
  const draw = () => {
    const shares = RUNS.map((run) => {
      const counts = new Array(bins).fill(0);
      for (let i = 0; i < IMAGES.length; i++) {
        counts[Math.min(bins - 1, Math.floor(view(run, i, state.of).iou * bins))]++;
      }
      return counts.map((n) => (100 * n) / IMAGES.length);
    });
    const top = Math.max(5, Math.ceil(Math.max(...shares.flat()) / 5) * 5);
    const { svg, x, y } = axes('Histogram of IoU', [0, .25, .5, .75, 1],
      'IoU of the box of the ' + OF[state.of].toLowerCase(), top,
      [0, top / 2, top]);
    const width = (W - LEFT - RIGHT) / bins;
    shares.forEach((share, r) => share.forEach((value, k) => {
      const low = (k / bins).toFixed(2), high = ((k + 1) / bins).toFixed(2);
      const pick = () => change({ run: r, bin: state.bin === k + '' ? '' : k + '' });
      svg.append(el('rect', {
        class: 'bin', x: x(k / bins) + 1 + (r * (width - 2)) / RUNS.length,
        width: (width - 2) / RUNS.length, y: y(value), height: y(0) - y(value),
        fill: RUNS[r].color, tabindex: 0, role: 'button',
        opacity: state.bin !== '' && (state.bin !== k + '' || state.run !== r) ? .35 : 1,
        onclick: pick,
        onkeydown: (event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          pick();
          svgBins()[r * bins + k].focus();
        },
      }, el('title', {}, `${RUNS[r].name}, IoU ${low} to ${high}: ${percent(value)}`)));
    }));
    svg.setAttribute('role', 'group');
    const mean = (run) => {
      let sum = 0;
      for (let i = 0; i < IMAGES.length; i++) sum += view(run, i, state.of).iou;
      return (sum / IMAGES.length).toFixed(3);
    };
    place.replaceChildren(svg, el('p', { class: 'readout' }, 'Mean IoU:  ',
      RUNS.map((run) => el('span', {}, swatch(run.color), mean(run), '  '))), runLegend());
  };
  const svgBins = () => node.querySelectorAll('.bin');
  draw();
  listeners.push((patch) => {
    if (['of', 'bin', 'run', 'tau'].some((key) => key in patch)) draw();
  });
}

function drawKinds() {
  const node = chart('What goes wrong',
    'Breakdown of the first prediction. A piece filters the pictures.');
  const place = node.appendChild(el('div'));
  const draw = () => {
    const counts = RUNS.map(kindCounts);
    const share = (r, k) => (100 * counts[r][k]) / IMAGES.length;
    place.replaceChildren(...RUNS.map((run, r) => el('div', {},
      el('div', { class: 'hint', style: 'margin:0' }, swatch(run.color), run.name),
      el('div', { class: 'stack' }, KINDS.map((kind, k) => el('button', {
        type: 'button', style: `flex:${counts[r][k]} 0 0;background:${kind.color}`,
        'aria-label': `${run.name}: ${kind.name}, ${percent(share(r, k))}`,
        title: `${kind.name}: ${percent(share(r, k))}`,
        hidden: !counts[r][k],
        onclick: () => { change({ run: r, kinds: String(k) }); goToPictures(); },
      }, share(r, k) >= 7 ? kind.name : ''))))),
    el('dl', { class: 'kinds' }, KINDS.map((kind, k) => el('div', {},
      el('dt', {}, swatch(kind.color), kind.name),
      el('dd', { class: 'num' }, RUNS.map((_, r) => share(r, k).toFixed(1)).join(' / ') + ' %'),
      el('dd', { class: 'txt' }, kind.text)))));
  };
  draw();
  listeners.push((patch) => { if ('tau' in patch) draw(); });
}

// Loss and validations of the trainings whose logs were found.
function drawLearning() {
  const trained = RUNS.filter((run) => run.learning);
  if (!trained.length) return;
  const panel = (title, hint, series, xText, floor) => {
    const all = series.flatMap(({ points }) => points);
    if (!all.length) return;
    const last = Math.max(...all.map(([x]) => x));
    const top = floor ?? Number(Math.max(...all.map(([, y]) => y)).toPrecision(2));
    const { svg, x, y } = axes(title, [], xText, top || 1, [0, top / 2, top]);
    svg.append(el('text', { x: x(1), y: H - BOTTOM + 16, 'text-anchor': 'end' }, last),
      el('text', { x: x(0), y: H - BOTTOM + 16 }, 0));
    series.forEach(({ color, dash, points }) => {
      const at = points.map(([a, b]) => `${x(a / last)} ${y(Math.min(b, top || 1))}`);
      svg.append(el('path', {
        d: 'M' + at.join('L'), fill: 'none', stroke: color, 'stroke-width': 2, 'stroke-dasharray': dash,
      }));
      // Few validations, or a single one, are dots.
      if (points.length <= 12) at.forEach((place) => svg.append(el('path', {
        class: 'dot', d: `M${place}h0`, stroke: color, 'stroke-width': 8, 'stroke-linecap': 'round',
      })));
    });
    chart(title, hint, svg, el('ul', { class: 'legend' }, series.map(({ name, color, dash, points }) => el('li', {},
      el('span', { class: 'line', style: `border-top-color:${color};border-top-style:${LINE[DASH.indexOf(dash)]}` }),
      floor ? `${name}: ${points.at(-1)[1].toFixed(1)}` : name))));
  };
  panel('Loss of the training', 'It must fall; where it stays level, nothing is learned.',
    trained.map((run) => ({ name: run.name, color: run.color, dash: '', points: run.learning.loss })), 'iteration');
  const series = trained.flatMap((run) => Object.entries(run.learning.figures)
    .slice(0, 3).map(([name, points], k) => ({
      name: RUNS.length > 1 ? `${run.name}: ${name}` : name, color: run.color, dash: DASH[(k + 1) % 3], points,
    })));
  panel('Validations of the training', 'In %, by epoch; beside the names the last.', series, 'epoch', 100);
}

function drawClasses() {
  const list = el('div', { class: 'classes', tabindex: 0, 'aria-label': 'Classes' });
  const metric = el('select', { 'aria-label': 'Measure' },
    DATA.classMeasures.map((name, k) => el('option', { value: k }, name)));
  const order = el('select', { 'aria-label': 'Order' },
    el('option', { value: 'low' }, 'lowest first'),
    el('option', { value: 'high' }, 'highest first'),
    el('option', { value: 'name' }, 'by name'),
    RUNS.length > 1 ? el('option', { value: 'gap' }, 'largest gap first') : null);
  const draw = () => {
    const m = Number(metric.value);
    const value = (label) => RUNS[state.run].perClass[label][m];
    const gap = (label) => {
      const all = RUNS.map((run) => run.perClass[label][m]);
      return Math.max(...all) - Math.min(...all);
    };
    const compare = {
      low: (a, b) => value(a) - value(b), high: (a, b) => value(b) - value(a),
      name: (a, b) => className(a).localeCompare(className(b)),
      gap: (a, b) => gap(b) - gap(a),
    }[order.value];
    const labels = Object.keys(RUNS[0].perClass).sort(compare);
    list.replaceChildren(...labels.map((label) => el('button', {
      type: 'button', 'aria-pressed': state.label === label,
      onclick: () => change({ label: state.label === label ? '' : label }),
    },
    el('span', { class: 'nm', title: className(label) }, className(label)),
    el('span', { class: 'bars' }, RUNS.map((run) => {
      const share = run.perClass[label][m];
      return el('span', { class: 'bar' },
        el('i', { role: 'img', 'aria-label': run.name, style: `width:calc((100% - 3.2em)*${share / 100});background:${run.color}` }),
        share.toFixed(0));
    })))));
  };
  metric.addEventListener('change', draw);
  order.addEventListener('change', draw);
  draw();
  chart('Class by class', 'In %. A class filters the pictures.',
    el('div', { class: 'row' }, metric, order), list);
  listeners.push((patch) => {
    if ('run' in patch) draw();
    else if ('label' in patch) {
      const name = state.label === '' ? null : className(state.label);
      for (const button of list.children) {
        button.setAttribute('aria-pressed', button.firstChild.title === name);
      }
    }
  });
}

function goToPictures() {
  document.getElementById('gallery').scrollIntoView();
}
