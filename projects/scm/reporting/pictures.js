// One picture with its heat map and boxes.
const INFERNO = decode(DATA.colors);

function decode(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// A grid map is base64 of: rows, columns, then one byte a cell. It is
// resized bilinearly (cell centres), then coloured.
function heatCanvas(text) {
  const bytes = decode(text), h = bytes[0], w = bytes[1];
  const scale = Math.max(1, Math.round(56 / Math.max(h, w)));
  const width = w * scale, height = h * scale;
  const canvas = el('canvas', { width, height, 'aria-hidden': true });
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(width, height);
  const cell = (row, column) => bytes[2 + row * w + column];
  for (let y = 0, at = 0; y < height; y++) {
    const v = Math.min(h - 1, Math.max(0, (y + .5) / scale - .5));
    const top = Math.floor(v), low = Math.min(h - 1, top + 1), fy = v - top;
    for (let x = 0; x < width; x++, at += 4) {
      const u = Math.min(w - 1, Math.max(0, (x + .5) / scale - .5));
      const left = Math.floor(u), right = Math.min(w - 1, left + 1), fx = u - left;
      const upper = cell(top, left) * (1 - fx) + cell(top, right) * fx;
      const lower = cell(low, left) * (1 - fx) + cell(low, right) * fx;
      const level = 3 * Math.round(upper * (1 - fy) + lower * fy);
      pixels.data.set(INFERNO.subarray(level, level + 3), at);
      pixels.data[at + 3] = 255;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function boxNode(box, color, image) {
  const [, width, height] = image;
  const share = (value, whole) => `${(100 * value) / whole}%`;
  return el('span', {
    class: 'box',
    style: `border-color:${color};left:${share(box[0], width)};` +
      `top:${share(box[1], height)};width:${share(box[2] - box[0], width)};` +
      `height:${share(box[3] - box[1], height)}`,
  });
}

// The outline of a mask, in the frame of the evaluation.
function maskNode(d) {
  const [width, height] = DATA.frame;
  return el('svg', {
    class: 'mask', viewBox: `-.5 -.5 ${width} ${height}`,
    preserveAspectRatio: 'none', 'aria-hidden': true,
  }, el('path', { class: 'rim', d }), el('path', { d, stroke: DATA.gtColor }));
}

// A frame that keeps the picture's aspect; fill() draws, empty() frees.
function picture(i, heatRun, boxRuns, square) {
  const image = IMAGES[i], [, width, height, , truth, mask] = image;
  const share = square && width < height ? (100 * width) / height : 100;
  const length = square ? `${share}%` : `min(100%, 62dvh * ${width / height})`;
  const pic = el('div', {
    class: 'pic', style: `width:${length};aspect-ratio:${width}/${height}`,
  });
  pic.addEventListener('pointermove', (event) => {
    if (event.pointerType !== 'mouse') return;
    const area = pic.getBoundingClientRect();
    const at = (event.clientX - area.left) / area.width;
    pic.style.setProperty('--heat', Math.min(1, Math.max(0, at)));
  });
  pic.addEventListener('pointerleave', () => pic.style.removeProperty('--heat'));
  return {
    node: el('div', { class: 'frame' }, pic),
    fill() {
      if (pic.firstChild) return;
      pic.append(
        el('img', { src: thumb(i), alt: '', decoding: 'async' }),
        heatCanvas(view(heatRun, i, state.of).map));
      if (mask) pic.append(maskNode(mask));
      for (const box of truth) pic.append(boxNode(box, DATA.gtColor, image));
      for (const run of boxRuns) {
        pic.append(boxNode(view(run, i, state.of).box, run.color, image));
      }
    },
    empty() { pic.replaceChildren(); },
  };
}
