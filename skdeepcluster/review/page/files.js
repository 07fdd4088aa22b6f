'use strict';

/* Names out to a file, and in from one. */

let isExported = true;

function exportNames() {
  saveFile('names.csv', csv.format(naming.names, naming.excluded, clustering.exampleOf));
  isExported = true;
  showMessage('names.csv is in your downloads, or names (1).csv if there was one.');
}

async function importNames() {
  const [file] = byId('file').files;
  if (!file) return;
  try {
    const { names, excluded } = csv.parse(await readFile(file), clustering);
    naming.replaceBy(names, excluded);
    sort();
    showMessage(`${countOf(names.size, 'name')} read from ${file.name}.`);
  } catch (error) {
    showMessage(`${file.name} was not read: ${error.message}. Nothing was changed.`, { isError: true });
  }
  byId('file').value = '';
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
    throw new Error('it is not UTF-8 text; save it as “CSV UTF-8”');
  }
}
