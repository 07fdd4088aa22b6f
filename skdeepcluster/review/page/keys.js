'use strict';

/* Which key does what, outside the fields in which one types. */

const SINGLE_KEYS = 'skdeepcluster-report-single-keys';

const onCards = {
  j: () => cards.step(1),
  k: () => cards.step(-1),
  n: () => (cards.selected.size ? part('selection-name').focus() : cards.focus(cards.current, { field: true })),
  a: () => {
    const [number, next] = [cards.current, cards.unnamedAfter(cards.current)];
    if (accept(number)) goOn(number, next, { field: false });
  },
  m: () => selectBranch(cards.current),
};

const onOpened = {
  j: () => opened.step(1),
  k: () => opened.step(-1),
  n: () => opened.focusName(),
  a: () => accept(opened.number),
  x: () => document.activeElement.closest('.tile-button')?.click(),
  1: () => opened.showView('typical'),
  2: () => opened.showView('varied'),
  3: () => opened.showView('doubtful'),
  4: () => opened.showView('borderline'),
};

const anywhere = {
  u: () => goOn(cards.current, cards.unnamedAfter(opened.number ?? cards.focused)),
  z: undo,
  y: redo,
  '?': () => part('keys').showModal(),
};

const onFocusedCard = {
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
  if (event.altKey || isTyping(target) || part('keys').open || part('sure').open) return null;
  if (opened.isOpen && opened.onImageKey(event)) return () => {};
  if (target.matches('.card') && onFocusedCard[key]) return onFocusedCard[key];
  if (key === 'Escape' && !opened.isOpen) return clearSelection;
  if (!part('single-keys').checked) return null;
  if (key === '/' && !opened.isOpen) return () => part('search').select();
  if (cards.current === null && key !== '?') return null;
  return (opened.isOpen ? onOpened : onCards)[key] ?? anywhere[key] ?? null;
}

document.addEventListener('keydown', (event) => {
  const action = actionFor(event);
  if (!action) return;
  event.preventDefault();
  action();
});

part('single-keys').checked = memory.read(SINGLE_KEYS) !== 'off';
part('single-keys').addEventListener('change', () => {
  memory.write(SINGLE_KEYS, part('single-keys').checked ? 'on' : 'off');
});
