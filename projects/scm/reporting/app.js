// Start: read the address, draw everything once, then follow changes.
readAddress();
if (DATA.hasBoxes) {
  drawCurves();
  drawHistogram();
}
drawKinds();
drawClasses();
drawLearning();
toolbar();
more.addEventListener('click', append);
render();
let waiting = 0;
listeners.push((patch) => {
  const keys = Object.keys(patch).filter((key) => key !== 'heat');
  if (keys.length === 1 && keys[0] === 'tau') {
    // A slider that is drawn moves often.
    waiting ||= requestAnimationFrame(() => { waiting = 0; render(); });
  } else if (keys.length) render();
});
addEventListener('hashchange', () => {
  Object.assign(state, DEFAULTS);
  readAddress();
  change({ tau: state.tau, run: state.run });
  render();
});
