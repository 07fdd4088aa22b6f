'use strict';

/* What surrounds the cards: progress, categories, search, files, theme, messages. */

const part = (id) => document.getElementById(id);

const say = (() => {
  let timer = 0;
  return (text, { isError = false } = {}) => {
    const message = part('message');
    // What lies outside a modal dialog is neither read out nor in front.
    (document.querySelector('dialog[open]') ?? document.body).append(message);
    message.textContent = text;
    message.classList.toggle('error', isError);
    clearTimeout(timer);
    if (!isError) timer = setTimeout(() => message.replaceChildren(), 8000);
  };
})();

function showProgress(naming) {
  const all = [...clustering.clusters.values()];
  const named = all.filter(({ number }) => naming.names.has(number));
  const nImages = named.reduce((sum, { size }) => sum + size, 0);
  const percent = percentOf(nImages, clustering.nImages);
  part('progress').textContent = `${figures.format(named.length)} of ${figures.format(all.length)} named, ${percent} of images`;
  part('fill').style.width = percent.replace(' ', '');
  part('track').setAttribute('aria-valuenow', parseFloat(percent));
}

/** The list of categories; each is a filter that is on or off. */
class Categories extends EventTarget {
  #list = part('categories');
  chosen = null;

  constructor() {
    super();
    this.#list.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button) this.choose(button.dataset.name ?? null);
    });
    part('side').open = matchMedia('(min-width: 60rem)').matches;
  }

  choose(name) {
    this.chosen = name === this.chosen ? null : name;
    this.dispatchEvent(new Event('choose'));
  }

  show(categories) {
    if (!categories.some(({ name }) => name === this.chosen)) this.chosen = null;
    const focused = document.activeElement?.closest('#categories button')?.dataset.name;
    this.#list.replaceChildren(...categories.map((category) => this.#item(category)));
    if (!categories.length) this.#list.append(this.#hint());
    const again = [...this.#list.querySelectorAll('button')].find(({ dataset }) => dataset.name === focused);
    if (focused !== undefined) again?.focus();
  }

  #item({ name, nClusters, nImages }) {
    const button = document.createElement('button');
    const [title, facts, share] = ['strong', 'span', 'i'].map((tag) => document.createElement(tag));
    title.textContent = name;
    facts.textContent = `${counted(nClusters, 'cluster')} · ${counted(nImages, 'image')}`;
    share.style.width = `${(100 * nImages) / clustering.nImages}%`;
    button.append(title, facts, share);
    button.type = 'button';
    button.dataset.name = name;
    button.setAttribute('aria-pressed', String(name === this.chosen));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }

  #hint() {
    const item = document.createElement('li');
    item.className = 'facts';
    item.textContent = 'Clusters of one name are one category. Give the first name.';
    return item;
  }
}

/** Whether a cluster is what is searched for: its number, or part of its name. */
function isFound(number, name, text) {
  const wanted = text.trim().toLowerCase();
  return !wanted || String(number) === wanted || name.toLowerCase().includes(wanted);
}

function saveFile(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function readFile(file) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error('it is no UTF-8 text; save it as “CSV UTF-8”');
  }
}

const theme = {
  key: 'skdeepcluster-report-theme',
  show(scheme) {
    document.documentElement.style.colorScheme = scheme;
    part('theme').textContent = scheme === 'dark' ? 'Light' : 'Dark';
  },
  start() {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const current = () => memory.read(this.key) ?? (system.matches ? 'dark' : 'light');
    let scheme = current();
    this.show(scheme);
    system.addEventListener('change', () => {
      scheme = current();
      this.show(scheme);
    });
    part('theme').addEventListener('click', () => {
      scheme = scheme === 'dark' ? 'light' : 'dark';
      memory.write(this.key, scheme);
      this.show(scheme);
    });
  },
};
