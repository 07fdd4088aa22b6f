'use strict';

/* The list of categories; each is a filter that is on or off. */

class Categories extends EventTarget {
  #list = byId('categories');
  chosen = null;

  constructor() {
    super();
    this.#list.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button) this.choose(button.dataset.name ?? null);
    });
    byId('side').open = matchMedia('(min-width: 60rem)').matches;
  }

  choose(name) {
    this.chosen = name === this.chosen ? null : name;
    this.dispatchEvent(new Event('choose'));
  }

  show(categories) {
    if (!categories.some(({ name }) => name === this.chosen)) this.chosen = null;
    const focusedName = document.activeElement?.closest('#categories button')?.dataset.name;
    this.#list.replaceChildren(...categories.map((category) => this.#item(category)));
    if (!categories.length) this.#list.append(this.#hint());
    if (focusedName !== undefined) this.#buttonOf(focusedName)?.focus();
  }

  #buttonOf(name) {
    return [...this.#list.querySelectorAll('button')].find(({ dataset }) => dataset.name === name);
  }

  #item({ name, nClusters, nImages }) {
    const button = document.createElement('button');
    const shareBar = document.createElement('i');
    shareBar.style.width = `${(100 * nImages) / clustering.nImages}%`;
    const facts = `${countOf(nClusters, 'cluster')} · ${countOf(nImages, 'image')}`;
    button.append(elementOf('strong', name), elementOf('span', facts), shareBar);
    button.type = 'button';
    button.dataset.name = name;
    button.setAttribute('aria-pressed', String(name === this.chosen));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  #hint() {
    const item = elementOf('li', 'Clusters with the same name are one category. Name a cluster to begin.');
    item.className = 'facts';
    return item;
  }
}
