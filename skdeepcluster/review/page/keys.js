'use strict';

/* Which key does what, outside the fields in which one types. */

const SINGLE_KEYS_STORAGE_KEY = 'skdeepcluster-report-single-keys';

const cardKeys = {
  j: () => cards.step(1),
  k: () => cards.step(-1),
  n: () => (cards.selected.size ? byId('selection-name').focus() : cards.focus(cards.current, { inField: true })),
  a: () => {
    const [number, next] = [cards.current, cards.unnamedAfter(cards.current)];
    if (acceptSuggestion(number)) goToUnnamed(number, next, { inField: false });
  },
  m: () => selectBranch(cards.current),
};

const openedKeys = {
  j: () => opened.step(1),
  k: () => opened.step(-1),
  n: () => opened.focusName(),
  a: () => acceptSuggestion(opened.number),
  x: () => document.activeElement.closest('.tile-button')?.click(),
  1: () => opened.showView('typical'),
  2: () => opened.showView('diverse'),
  3: () => opened.showView('doubtful'),
  4: () => opened.showView('borderline'),
};

const keysAnywhere = {
  u: () => goToUnnamed(cards.current, cards.unnamedAfter(opened.number ?? cards.focused)),
  z: undo,
  y: redo,
  '?': () => byId('keys').showModal(),
};

const focusedCardKeys = {
  Enter: () => opened.open(cards.current),
  ' ': () => cards.select([cards.current], !cards.selected.has(cards.current)),
  ArrowRight: () => cards.step(1),
  ArrowLeft: () => cards.step(-1),
  ArrowDown: () => cards.step(1, { lines: true }),
  ArrowUp: () => cards.step(-1, { lines: true }),
};

const isTyping = (element) => element.matches('input:not([type=checkbox]), select');

function actionFor(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey) {
    if (isTyping(target)) return null; // the field's own undo
    return { z: undo, Z: redo, y: redo }[key] ?? null;
  }
  if (event.altKey || isTyping(target) || byId('keys').open || byId('confirm-restart').open) return null;
  if (opened.isOpen && opened.onImageKey(event)) return () => {};
  if (target.matches('.card') && focusedCardKeys[key]) return focusedCardKeys[key];
  if (key === 'Escape' && !opened.isOpen) return clearSelection;
  if (!byId('single-keys').checked) return null;
  if (key === '/' && !opened.isOpen) return () => byId('search').select();
  if (cards.current === null && key !== '?') return null;
  return (opened.isOpen ? openedKeys : cardKeys)[key] ?? keysAnywhere[key] ?? null;
}

document.addEventListener('keydown', (event) => {
  const action = actionFor(event);
  if (!action) return;
  event.preventDefault();
  action();
});

byId('single-keys').checked = browserStorage.read(SINGLE_KEYS_STORAGE_KEY) !== 'off';
byId('single-keys').addEventListener('change', () => {
  browserStorage.write(SINGLE_KEYS_STORAGE_KEY, byId('single-keys').checked ? 'on' : 'off');
});
