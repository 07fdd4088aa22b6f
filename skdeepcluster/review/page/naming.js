'use strict';

/* Names of clusters and marks of images, with undo and redo, stored in the browser. */

class Naming extends EventTarget {
  #storageKey;
  #givenNames;
  #givenExcluded;
  #past = [];
  #future = [];
  isStored = true;

  constructor(digest, givenNames, givenExcluded) {
    super();
    this.#storageKey = `skdeepcluster-report-${digest}`;
    this.#givenNames = givenNames;
    this.#givenExcluded = givenExcluded;
    this.names = new Map(givenNames);
    this.excluded = new Map(givenExcluded);
    this.#restore();
    // The same page in another tab: its changes must not be undone here.
    addEventListener('storage', ({ key }) => {
      if (key !== this.#storageKey) return;
      this.#past.length = 0;
      this.#future.length = 0;
      this.#restore();
      this.dispatchEvent(new Event('change'));
    });
  }

  nameOf(number) {
    return this.names.get(number) ?? '';
  }

  isExcluded(number, row) {
    return this.excluded.get(number)?.has(row) ?? false;
  }

  /** Give clusters one name; an empty one takes theirs away. False if nothing changes. */
  name(numbers, name) {
    if (numbers.every((number) => this.nameOf(number) === name)) return false;
    const names = new Map(this.names);
    for (const number of numbers) {
      if (name) names.set(number, name);
      else names.delete(number);
    }
    this.#change({ names, excluded: this.excluded });
    return true;
  }

  /** Mark an image as not belonging to its cluster, or take the mark away. */
  toggleExcluded(number, row) {
    const rows = new Set(this.excluded.get(number));
    if (!rows.delete(row)) rows.add(row);
    const excluded = new Map(this.excluded);
    if (rows.size) excluded.set(number, rows);
    else excluded.delete(number);
    this.#change({ names: this.names, excluded });
  }

  replaceBy(names, excluded) {
    this.#change({ names, excluded });
  }

  startAgain() {
    this.replaceBy(new Map(this.#givenNames), new Map(this.#givenExcluded));
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    return this.#step(this.#past, this.#future);
  }

  redo() {
    return this.#step(this.#future, this.#past);
  }

  /** The name of the nearest cluster that has one, for a cluster that has none. */
  suggestionFor(cluster) {
    if (this.names.has(cluster.number)) return null;
    const number = cluster.near.find((each) => this.names.has(each));
    return number === undefined ? null : { number, name: this.names.get(number) };
  }

  /** Categories by name: how many clusters, and of how many images. */
  categories(clusters) {
    const found = new Map();
    for (const [number, cluster] of clusters) {
      const name = this.nameOf(number);
      if (!name) continue;
      const category = found.get(name) ?? { name, nClusters: 0, nImages: 0 };
      category.nClusters += 1;
      category.nImages += cluster.size;
      found.set(name, category);
    }
    return [...found.values()].sort((a, b) => b.nImages - a.nImages || (a.name < b.name ? -1 : 1));
  }

  #step(from, to) {
    if (!from.length) return false;
    to.push({ names: this.names, excluded: this.excluded });
    this.#become(from.pop());
    return true;
  }

  #change(state) {
    this.#past.push({ names: this.names, excluded: this.excluded });
    this.#future.length = 0;
    this.#become(state);
  }

  // Maps are never changed once they are here: each change makes new ones, for undo.
  #become({ names, excluded }) {
    this.names = names;
    this.excluded = excluded;
    const rows = [...excluded].map(([number, marked]) => [number, [...marked]]);
    const text = JSON.stringify({ names: [...names], excluded: rows });
    this.isStored = browserStorage.write(this.#storageKey, text);
    this.dispatchEvent(new Event('change'));
  }

  #restore() {
    const text = browserStorage.read(this.#storageKey);
    if (text === null) return;
    try {
      const { names, excluded } = JSON.parse(text);
      const rows = excluded.map(([number, marked]) => [number, new Set(marked)]);
      [this.names, this.excluded] = [new Map(names), new Map(rows)];
    } catch {
      // Not ours, or stored in another format: start with the given names.
    }
  }
}
