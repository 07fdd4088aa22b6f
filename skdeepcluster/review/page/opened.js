'use strict';

/* One cluster in a dialog: more of its images, marks, and the clusters it looks like. */

const ABOUT_VIEW = {
  typical: 'Closest to the centre of the cluster.',
  diverse: 'The images that differ most from each other.',
  doubtful: 'Farthest from the centre of the cluster.',
  borderline: 'Nearly as close to another cluster, named below each image.',
};
const N_NEIGHBOURS = 5;

class Opened {
  #naming;
  #cards;
  #dialog = byId('opened');
  #view = 'typical';
  number = null;

  constructor(naming, cards) {
    this.#naming = naming;
    this.#cards = cards;
    byId('close').addEventListener('click', () => this.#dialog.close());
    byId('previous').addEventListener('click', () => this.step(-1));
    byId('next').addEventListener('click', () => this.step(1));
    byId('tabs').addEventListener('click', (event) => {
      if (event.target.dataset.view) this.showView(event.target.dataset.view);
    });
    byId('tabs').addEventListener('keydown', (event) => this.#onTabKey(event));
    this.#dialog.addEventListener('close', () => {
      const { number } = this;
      this.number = null;
      if (this.#cards.shown.includes(number)) this.#cards.focus(number);
    });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  get field() {
    return byId('opened-name');
  }

  open(number, { inField = false } = {}) {
    this.number = number;
    this.showView('typical');
    this.refresh();
    if (this.isOpen) this.#dialog.scrollTop = 0;
    else this.#dialog.showModal(); // lays the page out, so after the changes
    if (inField) this.focusName();
    else byId('images').focus({ preventScroll: true });
  }

  focusName() {
    this.field.focus();
    this.field.select();
  }

  /** The next or previous of the clusters shown. */
  step(n) {
    const number = this.#cards.shown[this.#cards.shown.indexOf(this.number) + n];
    if (number !== undefined) this.open(number);
  }

  /** Show names and marks as they are now. */
  refresh() {
    if (this.number === null) return;
    const cluster = clustering.clusters.get(this.number);
    const nMarked = this.#naming.excluded.get(this.number)?.size ?? 0;
    byId('opened-title').textContent = titleOf(cluster);
    byId('opened-facts').textContent = factsOf(cluster);
    byId('opened-status').textContent = nMarked
      ? `${countOf(nMarked, 'image')} marked as not belonging`
      : '';
    this.field.value = this.#naming.nameOf(this.number);
    for (const button of byId('tiles').querySelectorAll('button')) this.#showMark(button);
    this.#showNeighbours(cluster);
  }

  showView(view) {
    this.#view = view;
    for (const tab of byId('tabs').children) {
      const isShown = tab.dataset.view === view;
      tab.setAttribute('aria-selected', String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
    }
    byId('images').setAttribute('aria-labelledby', `tab-${view}`);
    const cluster = clustering.clusters.get(this.number);
    const places = cluster.views[view];
    byId('view-about').textContent = places.length ? ABOUT_VIEW[view] : 'There is no other cluster.';
    byId('tiles').replaceChildren(...places.map((place, index) => this.#tile(cluster, place, index)));
  }

  #tile(cluster, place, index) {
    const item = copyOf('tile');
    const button = item.firstElementChild;
    const [picture, caption] = button.children;
    const [name, row] = [tiles.captionOf(cluster, place), cluster.rows[place]];
    tiles.paint(picture, cluster, place);
    const lines = this.#view === 'borderline' ? [name, `or ${this.#titleOf(cluster.others[index])}`] : [name];
    caption.replaceChildren(...lines.map((text) => elementOf('span', text)));
    button.title = `${lines.join(', ')}; distance ${cluster.distances[place].toFixed(3)}`;
    button.dataset.row = row;
    button.tabIndex = index ? -1 : 0;
    button.addEventListener('click', () => this.#naming.toggleExcluded(cluster.number, row));
    this.#showMark(button);
    return item;
  }

  #showMark(button) {
    const isMarked = this.#naming.isExcluded(this.number, Number(button.dataset.row));
    button.setAttribute('aria-pressed', String(isMarked));
  }

  #titleOf(number) {
    const name = this.#naming.nameOf(number);
    return name ? `${number}: ${name}` : String(number);
  }

  #showNeighbours(cluster) {
    const near = cluster.near.slice(0, N_NEIGHBOURS);
    byId('near').replaceChildren(...near.map((number) => this.#neighbour(number)));
    byId('near').parentElement.hidden = near.length === 0;
  }

  #neighbour(number) {
    const item = copyOf('neighbour');
    const [strip, facts, take] = item.children;
    const other = clustering.clusters.get(number);
    strip.append(...tiles.strip(other, 6));
    strip.setAttribute('aria-label', `Open cluster ${number}`);
    strip.addEventListener('click', () => this.open(number));
    facts.textContent = `${this.#titleOf(number)} · ${countOf(other.size, 'image')}`;
    const [own, theirs] = [this.#naming.nameOf(this.number), this.#naming.nameOf(number)];
    take.hidden = own === theirs;
    take.textContent = theirs ? `Use the name “${theirs}”` : `Name it “${own}” too`;
    take.addEventListener('click', () => {
      this.#naming.name([theirs ? this.number : number], theirs || own);
    });
    return item;
  }

  /** Move among the images by a key; whether it is one for that. */
  onImageKey(event) {
    const buttons = [...byId('tiles').querySelectorAll('button')];
    const focused = buttons.indexOf(document.activeElement);
    const nColumns = nColumnsOf(byId('tiles'));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: nColumns, ArrowUp: -nColumns }[event.key];
    const isOnImages = focused >= 0 || document.activeElement === byId('images');
    if (!step || !isOnImages) return false;
    const target = buttons[focused < 0 ? 0 : focused + step];
    if (target) {
      for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
      target.focus();
    }
    return true;
  }

  #onTabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tabs = [...byId('tabs').children];
    const target = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    this.showView(target.dataset.view);
    target.focus();
  }
}
