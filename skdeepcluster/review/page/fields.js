'use strict';

/* The fields in which names are typed: what they are for, what they offer, what their keys do. */

const N_OFFERED = 8;

/** The clusters that a name field is for. */
function clustersOf(field) {
  if (field === opened.field) return [opened.number];
  if (field === byId('selection-name')) return [...cards.selected];
  return [cards.numberAt(field)];
}

/** Names to choose from; those of the nearest clusters first while nothing is typed. */
function namesOffered(field, text) {
  const offers = matching(naming.categories(clustering.clusters), text)
    .map(({ name, nClusters }) => ({ name, hint: countOf(nClusters, 'cluster') }));
  if (text) return offers.slice(0, N_OFFERED);
  const near = clustersOf(field)
    .flatMap((number) => clustering.clusters.get(number).near)
    .filter((number) => naming.names.has(number))
    .map((number) => ({ name: naming.nameOf(number), hint: `like ${number}` }));
  const byName = new Map();
  for (const offer of [...near, ...offers]) {
    if (!byName.has(offer.name)) byName.set(offer.name, offer);
  }
  return [...byName.values()].slice(0, N_OFFERED);
}

// A field leaves out the line ends of a name; that alone is not a change.
const isShownAs = (name, text) => name.replace(/[\r\n]/g, '') === text;

/** Give the field's clusters the name that stands in it. */
function useNameIn(field) {
  const numbers = clustersOf(field).filter((number) => number !== null);
  if (numbers.every((number) => isShownAs(naming.nameOf(number), field.value))) return;
  nameClusters(numbers, field.value.trim());
}

function onNameKey(event) {
  if (event.isComposing) return; // Enter ends the input of a Chinese or Japanese word
  const { key, target: field } = event;
  if (key === 'Escape' && !event.defaultPrevented) {
    event.preventDefault(); // leaves the field, not the dialog
    leaveField(field);
  } else if (key === 'Enter' && field !== byId('selection-name')) {
    event.preventDefault();
    const [number] = clustersOf(field);
    const next = cards.unnamedAfter(number); // before a filter hides this one
    if (!event.ctrlKey) useNameIn(field);
    else if (!acceptSuggestion(number)) return;
    goToUnnamed(number, next);
  }
}

/** Leave the name as it was. */
function leaveField(field) {
  const [number] = clustersOf(field);
  field.value = field === byId('selection-name') ? '' : naming.nameOf(number);
  if (field === opened.field) byId('images').focus();
  else if (cards.current !== null) cards.focus(cards.current);
}
