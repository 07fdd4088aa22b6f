'use strict';

/* A card a cluster: which are shown, in what order, which is current, which are selected. */

function factsOf(cluster) {
  const share = percentOf(cluster.size, clustering.nImages);
  return `${countOf(cluster.size, 'image')} · ${share} · distance ${cluster.distance.toFixed(2)}`;
}

/** Such as “Cluster 3 (new)”. */
const titleOf = ({ number, isNew }) => `Cluster ${number}${isNew ? ' (new)' : ''}`;

// Whole lines of 1, 2, 3, 4 or 6. The browser passes over groups that are out of sight.
const N_OF_GROUP = 24;

class Cards extends EventTarget {
  #list;
  #naming;
  #groups = [];
  #cards = new Map();
  #order = clustering.bySimilarity;
  #observer = new IntersectionObserver((entries) => this.#paint(entries), { rootMargin: '800px' });
  #current = null;
  selected = new Set();
  shown = [];

  constructor(list, naming) {
    super();
    this.#list = list;
    this.#naming = naming;
    for (const cluster of clustering.clusters.values()) this.#add(cluster);
    while (this.#groups.length * N_OF_GROUP < this.#cards.size) {
      this.#groups.push(elementOf('div', ''));
      this.#groups.at(-1).className = 'group';
    }
    list.append(...this.#groups);
    new ResizeObserver(() => list.style.setProperty('--columns', nColumnsOf(list))).observe(list);
    list.addEventListener('focusin', (event) => {
      this.#current = this.numberAt(event.target);
    });
  }

  #add(cluster) {
    const { number } = cluster;
    const item = copyOf('card');
    const find = (selector) => item.querySelector(selector);
    const [box, field, montage, facts] = ['.select', '.name', '.montage', '.facts'].map(find);
    item.dataset.number = number;
    item.setAttribute('aria-label', titleOf(cluster));
    find('.new').hidden = !cluster.isNew;
    find('.number span').textContent = number;
    box.setAttribute('aria-label', `Select cluster ${number}`);
    box.addEventListener('change', () => this.select([number], box.checked));
    facts.textContent = factsOf(cluster);
    facts.title = 'Distance: the mean distance of its images to their centre. A small distance means similar images.';
    field.setAttribute('aria-label', `Name of cluster ${number}`);
    montage.setAttribute('aria-label', `Open cluster ${number}`);
    this.#cards.set(number, {
      item,
      box,
      field,
      montage,
      suggestion: find('.suggestion'),
      marked: find('.marked'),
    });
    this.#observer.observe(item);
  }

  #paint(entries) {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) this.#paintCard(this.numberAt(target));
    }
  }

  #paintCard(number) {
    const { item, montage } = this.#cards.get(number);
    this.#observer.unobserve(item);
    if (!montage.firstChild) montage.append(...tiles.strip(clustering.clusters.get(number), 12));
  }

  paintAll() {
    for (const number of this.shown) this.#paintCard(number);
  }

  /** Show names, suggestions and marks as they are now. */
  refresh() {
    for (const [number, card] of this.#cards) {
      const name = this.#naming.nameOf(number);
      const suggestion = this.#naming.suggestionFor(clustering.clusters.get(number));
      const nMarked = this.#naming.excluded.get(number)?.size ?? 0;
      card.item.classList.toggle('named', name !== '');
      card.field.value = name;
      card.suggestion.hidden = !suggestion;
      if (suggestion) {
        card.suggestion.textContent = `Looks like ${suggestion.number}: ${suggestion.name}`;
        card.suggestion.title = 'Use this name (a)';
      }
      card.marked.textContent = nMarked ? `${countOf(nMarked, 'image')} marked` : '';
    }
  }

  fields() {
    return [...this.#cards.values()].map((card) => card.field);
  }

  sort(kind) {
    const value = {
      new: ({ isNew }) => Number(!isNew),
      similarity: () => 0,
      number: ({ number }) => number,
      size: ({ size }) => -size,
      doubt: ({ distance }) => -distance,
      unnamed: ({ number }) => Number(this.#naming.names.has(number)),
    }[kind];
    const clusters = clustering.bySimilarity.map((number) => clustering.clusters.get(number));
    this.#order = clusters.sort((a, b) => value(a) - value(b)).map(({ number }) => number);
  }

  /** Show only the clusters that `accepts`. */
  filter(accepts) {
    const shown = this.#order.filter(accepts);
    if (shown.join() === this.shown.join()) return;
    this.shown = shown;
    const focused = document.activeElement;
    const items = shown.map((number) => this.#cards.get(number).item);
    this.#groups.forEach((group, index) => {
      group.replaceChildren(...items.slice(index * N_OF_GROUP, (index + 1) * N_OF_GROUP));
    });
    if (focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  numberAt(element) {
    const item = element.closest?.('.card');
    return item ? Number(item.dataset.number) : null;
  }

  /** The card that has, or last had, the focus, if it is shown. */
  get focused() {
    return this.shown.includes(this.#current) ? this.#current : null;
  }

  /** That card, else the first. */
  get current() {
    return this.focused ?? this.shown[0] ?? null;
  }

  focus(number, { inField = false } = {}) {
    const card = this.#cards.get(number);
    this.#paintCard(number);
    card.item.scrollIntoView({ block: 'nearest' });
    const target = inField ? card.field : card.item;
    target.focus({ preventScroll: true });
    if (inField) target.select();
  }

  /** Move by n cards, or by n lines of the grid. */
  step(n, { lines = false } = {}) {
    const start = this.shown.indexOf(this.#current);
    const end = start + n * (lines ? nColumnsOf(this.#list) : 1);
    const number = this.shown[start < 0 ? 0 : end];
    if (number !== undefined) this.focus(number);
  }

  /** The first of those shown that has no name, from the one after `number` on. */
  unnamedAfter(number) {
    const start = this.shown.indexOf(number) + 1;
    const around = [...this.shown.slice(start), ...this.shown.slice(0, start)];
    return around.find((each) => each !== number && !this.#naming.names.has(each)) ?? null;
  }

  select(numbers, isSelected) {
    for (const number of numbers) {
      if (isSelected) this.selected.add(number);
      else this.selected.delete(number);
      const { item, box } = this.#cards.get(number);
      box.checked = isSelected;
      item.classList.toggle('selected', isSelected);
    }
    this.dispatchEvent(new Event('select'));
  }
}
