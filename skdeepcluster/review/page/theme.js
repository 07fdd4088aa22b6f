'use strict';

/* Light or dark: as the system has it, until a person chooses. */

const theme = {
  storageKey: 'skdeepcluster-report-theme',
  show(scheme) {
    document.documentElement.style.colorScheme = scheme;
    byId('theme').textContent = scheme === 'dark' ? 'Light' : 'Dark';
  },
  start() {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const preferred = () => browserStorage.read(this.storageKey) ?? (system.matches ? 'dark' : 'light');
    let scheme = preferred();
    this.show(scheme);
    system.addEventListener('change', () => {
      scheme = preferred();
      this.show(scheme);
    });
    byId('theme').addEventListener('click', () => {
      scheme = scheme === 'dark' ? 'light' : 'dark';
      browserStorage.write(this.storageKey, scheme);
      this.show(scheme);
    });
  },
};
