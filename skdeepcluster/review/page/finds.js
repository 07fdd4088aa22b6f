'use strict';

/* Copies and outliers: how many there are, and the first of them. */

const finds = {
  /** Fill the section when it is first opened. */
  start() {
    const section = byId('finds');
    if (!section) return;
    byId('finds-facts').textContent = clustering.finds.map((find) => this.summaryOf(find)).join(', ');
    section.addEventListener('toggle', () => this.show(), { once: true });
  },

  summaryOf({ number, nGroups, nImages }) {
    if (number === 'outliers') return countOf(nImages, 'outlier');
    return `${countOf(nImages, 'image')} in ${countOf(nGroups, 'group')} of copies`;
  },

  show() {
    const items = { copies: (find) => this.groups(find), outliers: (find) => this.outliers(find) };
    const about = {
      copies: ({ nExact }) => `Exact: ${countOf(nExact, 'image')}. The others were compressed or made brighter or darker, or hardly differ.`,
      outliers: () => 'Unlike all clusters; the most unlike first.',
    };
    for (const find of clustering.finds) {
      const part = copyOf('find');
      const [title, facts, list] = part.children;
      title.textContent = find.number === 'copies' ? 'Copies' : 'Outliers';
      facts.textContent = find.nImages ? about[find.number](find) : 'None.';
      list.classList.toggle('single', find.number === 'outliers');
      list.append(...items[find.number](find));
      byId('finds').append(part);
    }
  },

  groups(find) {
    return find.groups.map(({ places, size }) => {
      const hidden = size - places.length;
      const names = places.map((place) => tiles.captionOf(find, place));
      return this.item(find, places, names.join(', ') + (hidden ? ` and ${hidden} more` : ''));
    });
  },

  outliers(find) {
    return find.rows.map((_, place) => {
      const item = this.item(find, [place], tiles.captionOf(find, place));
      const button = elementOf('button', `cluster ${find.clusters[place]}`);
      button.type = 'button';
      button.addEventListener('click', () => opened.open(find.clusters[place]));
      item.append(button);
      return item;
    });
  },

  item(find, places, caption) {
    const item = copyOf('found');
    const [strip, facts] = item.children;
    strip.append(...places.map((place) => tiles.tile(find, place)));
    facts.textContent = caption;
    return item;
  },
};
