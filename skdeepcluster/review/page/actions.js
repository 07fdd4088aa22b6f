'use strict';

/* What a person does to clusters: name them, select them, take it back. */

function nameClusters(numbers, name) {
  const alike = naming.categories(clustering.clusters).map((category) => category.name)
    .filter((other) => other !== name && other.toLowerCase() === name.toLowerCase());
  if (!naming.name(numbers, name)) {
    refresh(); // a field may show blanks that are not a name
    return;
  }
  const named = numbers.length === 1 ? `Cluster ${numbers[0]}` : countOf(numbers.length, 'cluster');
  const warning = alike.length ? ` There is also “${alike[0]}”.` : '';
  showMessage((name ? `${named} named “${name}”.` : `${named}: name removed.`) + warning);
}

/** Whether there was a suggestion to accept. */
function acceptSuggestion(number) {
  const suggestion = naming.suggestionFor(clustering.clusters.get(number));
  if (suggestion) nameClusters([number], suggestion.name);
  else showMessage(`There is no suggestion for cluster ${number}.`);
  return suggestion !== null;
}

/** Go on from one cluster to the next unnamed one, if there is any, and to its name field. */
function goToUnnamed(from, next, { inField = true } = {}) {
  if (next === null) {
    const isDone = cards.shown.every((number) => naming.names.has(number));
    showMessage(isDone ? 'All clusters shown are named.' : 'There is no other unnamed cluster.');
    if (!opened.isOpen && cards.shown.includes(from)) cards.focus(from);
  } else if (opened.isOpen) opened.open(next, { inField });
  else cards.focus(next, { inField });
}

function nameSelection(event) {
  event.preventDefault();
  const field = byId('selection-name');
  const [first] = cards.selected;
  const name = field.value.trim();
  if (!name) return;
  nameClusters([...cards.selected], name);
  field.value = '';
  clearSelection();
  if (cards.shown.includes(first)) cards.focus(first);
}

function clearSelection() {
  cards.select([...cards.selected], false);
}

function selectBranch(number) {
  cards.select(clustering.branchToSelect(number, cards.selected), true);
}

function undo() {
  showMessage(naming.undo() ? 'Undone.' : 'There is nothing to undo.');
}

function redo() {
  showMessage(naming.redo() ? 'Redone.' : 'There is nothing to redo.');
}
