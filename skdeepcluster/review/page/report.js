'use strict';

/* The page: its parts, what is shown of them, and what leads to what. */

const naming = new Naming(clustering.digest, clustering.givenNames, clustering.givenExcluded);
const cards = new Cards(byId('cards'), naming);
const opened = new Opened(naming, cards);
const categories = new Categories();
const completion = new Completion(byId('completions'), namesOffered);

/* Showing. */

/** Show names, marks and what follows from them as they are now. */
function refresh() {
  cards.refresh();
  opened.refresh();
  categories.show(naming.categories(clustering.clusters));
  showProgress();
  byId('undo').disabled = !naming.canUndo;
  byId('redo').disabled = !naming.canRedo;
  byId('not-stored').hidden = naming.isStored;
  filter();
}

function showProgress() {
  const all = [...clustering.clusters.values()];
  const named = all.filter(({ number }) => naming.names.has(number));
  const nImages = named.reduce((sum, { size }) => sum + size, 0);
  const percent = percentOf(nImages, clustering.nImages);
  byId('progress').textContent = `${numberFormat.format(named.length)} of ${numberFormat.format(all.length)} named, ${percent} of images`;
  byId('fill').style.width = percent.replace(' ', '');
  byId('track').setAttribute('aria-valuenow', parseFloat(percent));
}

function filter() {
  const [text, unnamedOnly] = [byId('search').value, byId('unnamed').checked];
  cards.filter((number) => {
    const name = naming.nameOf(number);
    const isOfCategory = categories.chosen === null || name === categories.chosen;
    return isFound(number, name, text) && !(unnamedOnly && name) && isOfCategory;
  });
  const areAllShown = cards.shown.length === clustering.numbers.length;
  byId('count').textContent = areAllShown ? '' : `${countOf(cards.shown.length, 'cluster')} shown`;
  byId('no-match').hidden = cards.shown.length > 0;
}

/** Whether a cluster is what is searched for: its number, or part of its name. */
function isFound(number, name, text) {
  const wanted = text.trim().toLowerCase();
  return !wanted || String(number) === wanted || name.toLowerCase().includes(wanted);
}

function sort() {
  cards.sort(byId('sort').value);
  filter();
}

function showAll() {
  byId('search').value = '';
  byId('unnamed').checked = false;
  categories.chosen = null;
  refresh();
}

function showSelection() {
  const numbers = [...cards.selected];
  byId('selection').hidden = numbers.length === 0;
  document.body.classList.toggle('selecting', numbers.length > 0);
  const listed = numbers.slice(0, 12).join(', ') + (numbers.length > 12 ? ', …' : '');
  byId('selected').textContent = `${countOf(numbers.length, 'cluster')} selected: ${listed}`;
}

/* What leads to what. */

naming.addEventListener('change', () => {
  isExported = false;
  refresh();
});
cards.addEventListener('select', showSelection);
categories.addEventListener('choose', refresh);

for (const field of [...cards.fields(), opened.field, byId('selection-name')]) {
  completion.equip(field);
  field.addEventListener('keydown', onNameKey);
  if (field !== byId('selection-name')) field.addEventListener('change', () => useNameIn(field));
}

const onClick = {
  clear: clearSelection,
  undo,
  redo,
  export: exportNames,
  import: () => byId('file').click(),
  help: () => byId('keys').showModal(),
  restart: () => byId('confirm-restart').showModal(),
  'show-all': showAll,
  'select-all': () => cards.select(cards.shown, true),
};
for (const [id, action] of Object.entries(onClick)) byId(id).addEventListener('click', action);

byId('cards').addEventListener('click', (event) => {
  const number = cards.numberAt(event.target);
  if (event.target.closest('.montage')) opened.open(number);
  else if (event.target.closest('.suggestion')) acceptSuggestion(number);
});
byId('selection').addEventListener('submit', nameSelection);
byId('file').addEventListener('change', importNames);
byId('search').addEventListener('input', filter);
byId('search').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && cards.current !== null) cards.focus(cards.current);
});
byId('unnamed').addEventListener('change', filter);
byId('sort').addEventListener('change', sort);
byId('confirm-restart').addEventListener('close', ({ target: dialog }) => {
  if (dialog.returnValue === 'yes') naming.startAgain();
  dialog.returnValue = '';
});
addEventListener('beforeprint', () => cards.paintAll());
addEventListener('beforeunload', (event) => {
  if (!naming.isStored && !isExported) event.preventDefault();
});

theme.start();
finds.start();
sort();
refresh();
document.documentElement.dataset.ready = '';
