// Start: read the address, draw everything once, then follow changes.
readAddress();
drawCurves();
drawHistogram();
drawKinds();
drawClasses();
toolbar();
more.addEventListener('click', append);
render();
listeners.push((patch) => {
  if (Object.keys(patch).some((key) => key !== 'heat')) render();
});
addEventListener('hashchange', () => {
  Object.assign(state, DEFAULTS);
  readAddress();
  change({});
  render();
});
