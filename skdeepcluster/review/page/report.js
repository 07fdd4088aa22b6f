'use strict';

/* The page: what its parts do with each other, and which key does what. */

const naming = new Naming(clustering.digest, clustering.givenNames);
const cards = new Cards(part('cards'), naming);
const opened = new Opened(naming, cards);
const categories = new Categories();
const completion = new Completion(part('completions'), offersFor);
let isExported = true;

/** The clusters that a name field is for. */
function clustersOf(field) {
  if (field === opened.field) return [opened.number];
  if (field === part('selection-name')) return [...cards.selected];
  return [cards.numberAt(field)];
}

/** Names to choose from; those of the nearest clusters first while nothing is typed. */
function offersFor(field, text) {
  const all = naming.categories(clustering.clusters);
  const offers = matching(all, text).map(({ name, nClusters }) => ({ name, hint: counted(nClusters, 'cluster') }));
  if (text) return offers.slice(0, 8);
  const near = clustersOf(field)
    .flatMap((number) => clustering.clusters.get(number).near)
    .filter((number) => naming.names.has(number))
    .map((number) => ({ name: naming.nameOf(number), hint: `like ${number}` }));
  const unique = new Map();
  for (const offer of [...near, ...offers]) {
    if (!unique.has(offer.name)) unique.set(offer.name, offer);
  }
  return [...unique.values()].slice(0, 8);
}

/* Naming. */

// A field leaves out the line ends of a name; that alone is no change.
const isShownAs = (name, text) => name.replace(/[\r\n]/g, '') === text;

function take(field) {
  const numbers = clustersOf(field).filter((number) => number !== null);
  if (numbers.every((number) => isShownAs(naming.nameOf(number), field.value))) return;
  giveName(numbers, field.value.trim());
}

function giveName(numbers, name) {
  const alike = naming.categories(clustering.clusters).map((category) => category.name)
    .filter((other) => other !== name && other.toLowerCase() === name.toLowerCase());
  if (!naming.name(numbers, name)) {
    refresh(); // a field may show blanks that are no name
    return;
  }
  const whom = numbers.length === 1 ? `Cluster ${numbers[0]}` : counted(numbers.length, 'cluster');
  const remark = alike.length ? ` There is “${alike[0]}”, too.` : '';
  say((name ? `${whom} named “${name}”.` : `${whom}: no name.`) + remark);
}

function accept(number) {
  const suggestion = naming.suggestionFor(clustering.clusters.get(number));
  if (suggestion) giveName([number], suggestion.name);
  else say(`There is no suggestion for cluster ${number}.`);
  return suggestion !== null;
}

/** Go on to the next unnamed cluster, where the last one was. */
function goOn(from, next, { field = true } = {}) {
  if (next === null) {
    say(cards.shown.every((number) => naming.names.has(number)) ? 'All clusters shown are named.' : 'No other cluster is unnamed.');
    if (!opened.isOpen && cards.shown.includes(from)) cards.focus(from);
  } else if (opened.isOpen) opened.open(next, { naming: field });
  else cards.focus(next, { field });
}

function onNameKey(event) {
  const { key, target: field } = event;
  if (event.isComposing) return; // Enter ends the input of a Chinese or Japanese word
  if (key === 'Escape' && !event.defaultPrevented) {
    const [number] = clustersOf(field);
    event.preventDefault(); // leaves the field, not the dialog
    field.value = field === part('selection-name') ? '' : naming.nameOf(number);
    if (field === opened.field) part('images').focus();
    else if (cards.current !== null) cards.focus(cards.current);
  } else if (key === 'Enter' && field !== part('selection-name')) {
    event.preventDefault();
    const [number] = clustersOf(field);
    const next = cards.unnamedAfter(number); // before a filter hides this one
    if (!event.ctrlKey) take(field);
    else if (!accept(number)) return;
    goOn(number, next);
  }
}

function nameSelection(event) {
  event.preventDefault();
  const [first] = cards.selected;
  const name = part('selection-name').value.trim();
  if (!name) return;
  giveName([...cards.selected], name);
  part('selection-name').value = '';
  clearSelection();
  if (cards.shown.includes(first)) cards.focus(first);
}

function clearSelection() {
  cards.select([...cards.selected], false);
}

function selectBranch(number) {
  const branch = clustering.branchToSelect(number, cards.selected);
  cards.select(branch, true);
}

function undo() {
  say(naming.undo() ? 'Undone.' : 'There is nothing to undo.');
}

function redo() {
  say(naming.redo() ? 'Done again.' : 'There is nothing to do again.');
}

/* Showing. */

function filter() {
  const [text, unnamedOnly] = [part('search').value, part('unnamed').checked];
  cards.filter((number) => {
    const name = naming.nameOf(number);
    return isFound(number, name, text) && !(unnamedOnly && name) && (categories.chosen === null || name === categories.chosen);
  });
  part('count').textContent = cards.shown.length === clustering.numbers.length
    ? ''
    : `${counted(cards.shown.length, 'cluster')} shown`;
  part('none').hidden = cards.shown.length > 0;
}

function refresh() {
  const all = naming.categories(clustering.clusters);
  cards.refresh();
  opened.refresh();
  categories.show(all);
  showProgress(naming);
  part('undo').disabled = !naming.canUndo;
  part('redo').disabled = !naming.canRedo;
  part('unkept').hidden = naming.isKept;
  filter();
}

function showSelection() {
  const numbers = [...cards.selected];
  part('selection').hidden = numbers.length === 0;
  document.body.classList.toggle('selecting', numbers.length > 0);
  const listed = numbers.slice(0, 12).join(', ') + (numbers.length > 12 ? ', …' : '');
  part('selected').textContent = `${counted(numbers.length, 'cluster')} selected: ${listed}`;
}

function sort() {
  const focused = document.activeElement;
  cards.sort(part('sort').value);
  filter();
  focused.focus();
}

function showAll() {
  part('search').value = '';
  part('unnamed').checked = false;
  categories.chosen = null;
  refresh();
}

/* Files. */

function exportNames() {
  saveFile('names.csv', csv.format(naming.names, naming.excluded));
  isExported = true;
  say('names.csv is among your downloads.');
}

async function importNames() {
  const [file] = part('file').files;
  if (!file) return;
  try {
    const { names, excluded } = csv.parse(await readFile(file), clustering);
    naming.replaceBy(names, excluded);
    sort();
    say(`${counted(names.size, 'name')} read from ${file.name}.`);
  } catch (error) {
    say(`${file.name} was not read: ${error.message}. Nothing is changed.`, { isError: true });
  }
  part('file').value = '';
}

/* Start. */

naming.addEventListener('change', () => {
  isExported = false;
  refresh();
});
cards.addEventListener('select', showSelection);
categories.addEventListener('choose', refresh);

for (const field of [...cards.fields(), opened.field, part('selection-name')]) {
  completion.equip(field);
  field.addEventListener('keydown', onNameKey);
  if (field !== part('selection-name')) field.addEventListener('change', () => take(field));
}
part('cards').addEventListener('click', (event) => {
  const number = cards.numberAt(event.target);
  if (event.target.closest('.montage')) opened.open(number);
  else if (event.target.closest('.suggestion')) accept(number);
});
part('selection').addEventListener('submit', nameSelection);
for (const [id, action] of Object.entries({
  clear: clearSelection,
  undo,
  redo,
  export: exportNames,
  import: () => part('file').click(),
  help: () => part('keys').showModal(),
  restart: () => part('sure').showModal(),
  'show-all': showAll,
  'select-all': () => cards.select(cards.shown, true),
})) part(id).addEventListener('click', action);
part('file').addEventListener('change', importNames);
part('search').addEventListener('input', filter);
part('search').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && cards.current !== null) cards.focus(cards.current);
});
part('unnamed').addEventListener('change', filter);
part('sort').addEventListener('change', sort);
part('sure').addEventListener('close', () => {
  if (part('sure').returnValue === 'yes') naming.startAgain();
  part('sure').returnValue = '';
});
addEventListener('beforeprint', () => cards.paintAll());
addEventListener('beforeunload', (event) => {
  if (!naming.isKept && !isExported) event.preventDefault();
});
theme.start();
sort();
refresh();
document.documentElement.dataset.ready = '';
