'use strict';

/* What the other scripts share: elements, numbers in words, messages, and what the browser stores. */

const byId = (id) => document.getElementById(id);

/** A new copy of what stands in a template. */
const copyOf = (templateId) => byId(templateId).content.firstElementChild.cloneNode(true);

function elementOf(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

const numberFormat = new Intl.NumberFormat('en-GB');

/** Such as “1 image” and “1,200 images”. */
const countOf = (n, noun) => `${numberFormat.format(n)} ${noun}${n === 1 ? '' : 's'}`;

/** Rounded down, so that only all is 100 %. */
const percentOf = (part, whole) => `${(Math.floor((1000 * part) / whole) / 10).toFixed(1)} %`;

/** How many columns a grid has at the present width. */
const nColumnsOf = (grid) => getComputedStyle(grid).gridTemplateColumns.split(' ').length;

const showMessage = (() => {
  let timer = 0;
  return (text, { isError = false } = {}) => {
    const message = byId('message');
    // What lies outside a modal dialog is neither read out nor in front.
    (document.querySelector('dialog[open]') ?? document.body).append(message);
    message.textContent = text;
    message.classList.toggle('error', isError);
    clearTimeout(timer);
    if (!isError) timer = setTimeout(() => message.replaceChildren(), 8000);
  };
})();

const browserStorage = {
  read(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // a browser may forbid it to files
    }
  },
  /** Whether it was stored. */
  write(key, text) {
    try {
      localStorage.setItem(key, text);
      return true;
    } catch {
      return false;
    }
  },
};
