'use strict';

/* Names already given, offered below the field in which one is typed (a combobox). */

class Completion {
  #list;
  #field = null;
  #active = -1;
  #offersFor;

  /** `offersFor(field, text)` gives the choices: name and hint of each. */
  constructor(list, offersFor) {
    this.#list = list;
    this.#offersFor = offersFor;
    // Keep the focus in the field, because leaving it would end the choice.
    list.addEventListener('pointerdown', (event) => event.preventDefault());
    list.addEventListener('click', (event) => {
      const option = event.target.closest('[role=option]');
      if (option) this.#choose(option);
    });
  }

  equip(field) {
    field.setAttribute('role', 'combobox');
    field.setAttribute('aria-autocomplete', 'list');
    field.setAttribute('aria-expanded', 'false');
    field.setAttribute('aria-controls', this.#list.id);
    field.autocomplete = 'off';
    field.spellcheck = false;
    field.addEventListener('input', () => this.#open(field));
    field.addEventListener('blur', () => this.close());
    field.addEventListener('keydown', (event) => this.#onKey(event, field));
  }

  close() {
    if (!this.#field) return;
    this.#field.setAttribute('aria-expanded', 'false');
    this.#field.removeAttribute('aria-activedescendant');
    this.#field = null;
    this.#list.hidePopover();
  }

  #onKey(event, field) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (this.#field === field) this.#move(step);
      else this.#open(field);
    } else if (event.key === 'Escape' && this.#field) {
      event.preventDefault(); // or the dialog around the field closes, too
      event.stopPropagation();
      this.close();
    } else if (event.key === 'Enter' && this.#active >= 0 && this.#field && !event.ctrlKey) {
      field.value = this.#list.children[this.#active].dataset.name;
    }
  }

  #open(field) {
    const options = this.#offersFor(field, field.value.trim()).map(this.#option);
    this.close();
    if (!options.length) return;
    this.#field = field;
    this.#active = -1;
    this.#list.replaceChildren(...options);
    // What lies outside a modal dialog cannot be clicked while it is open.
    (field.closest('dialog') ?? document.body).append(this.#list);
    this.#list.showPopover();
    this.#place(field.getBoundingClientRect());
    field.setAttribute('aria-expanded', 'true');
  }

  #option({ name, hint }, index) {
    const option = document.createElement('li');
    option.id = `completion-${index}`;
    option.role = 'option';
    option.ariaSelected = 'false';
    option.dataset.name = name;
    option.append(name, elementOf('span', hint));
    return option;
  }

  #place(field) {
    const height = this.#list.offsetHeight;
    const fits = field.bottom + height < innerHeight || field.top < height;
    this.#list.style.left = `${field.left}px`;
    this.#list.style.minWidth = `${field.width}px`;
    this.#list.style.top = `${fits ? field.bottom + 2 : field.top - height - 2}px`;
  }

  #move(step) {
    const options = [...this.#list.children];
    this.#active = (Math.max(this.#active, step > 0 ? -1 : 0) + step + options.length) % options.length;
    options.forEach((option, index) => {
      option.ariaSelected = String(index === this.#active);
    });
    options[this.#active].scrollIntoView({ block: 'nearest' });
    this.#field.setAttribute('aria-activedescendant', options[this.#active].id);
  }

  #choose(option) {
    const field = this.#field;
    field.value = option.dataset.name;
    this.close();
    field.dispatchEvent(new Event('change'));
  }
}

/** Names that hold the text, those that begin with it first. */
function matching(categories, text) {
  const wanted = text.toLowerCase();
  const rank = ({ name }) => {
    const place = name.toLowerCase().indexOf(wanted);
    return place < 0 ? Infinity : Math.min(place, 1);
  };
  return categories
    .filter((category) => rank(category) < Infinity && category.name !== text)
    .sort((a, b) => rank(a) - rank(b));
}
