'use strict';

/* names.csv (RFC 4180): columns cluster, category, excluded. */

const csv = (() => {
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  /** The file of these names and marks. */
  function format(names, excluded) {
    const numbers = [...new Set([...names.keys(), ...excluded.keys()])].sort((a, b) => a - b);
    const lines = numbers.map((number) => {
      const rows = [...(excluded.get(number) ?? [])].sort((a, b) => a - b);
      return [number, quoted(names.get(number) ?? ''), rows.join(' ')].join(',');
    });
    return ['cluster,category,excluded', ...lines, ''].join('\r\n');
  }

  /** Names and marks of a file; an Error says what is wrong with it. */
  function parse(text, { nImages, nClusters, clusterOfRow }) {
    const records = recordsOf(text.replace(/^\uFEFF/, ''));
    const header = (records.shift()?.fields ?? []).map((field) => field.trim().toLowerCase());
    const [cluster, category, marks] = ['cluster', 'category', 'excluded'].map((column) => header.indexOf(column));
    if (cluster < 0 || category < 0) {
      throw new Error('the first line has to name the columns cluster, category and excluded');
    }
    const names = new Map();
    const excluded = new Map();
    const seen = new Set();
    for (const { line, fields } of records) {
      const fail = (reason) => {
        throw new Error(`line ${line}: ${reason}`);
      };
      if (fields.length !== header.length) {
        fail(`it has ${fields.length} fields, and the first line has ${header.length}`);
      }
      const number = wholeNumber(fields[cluster], nClusters);
      if (number === null) fail(`“${fields[cluster]}” is no cluster; they are numbered from 0 to ${nClusters - 1}`);
      if (seen.has(number)) fail(`cluster ${number} is there twice`);
      seen.add(number);
      const name = fields[category];
      if (name && !name.trim()) fail('the category is blank');
      if (name) names.set(number, name);
      const rows = rowsOf(fields[marks] ?? '', number, { nImages, clusterOfRow }, fail);
      if (rows.size) excluded.set(number, rows);
    }
    return { names, excluded };
  }

  function rowsOf(field, number, { nImages, clusterOfRow }, fail) {
    const rows = new Set();
    for (const word of field.split(/\s+/).filter(Boolean)) {
      const row = wholeNumber(word, nImages);
      if (row === null) fail(`“${word}” is no image; they are numbered from 0 to ${nImages - 1}`);
      const own = clusterOfRow.get(row) ?? number;
      if (own !== number) fail(`image ${row} is in cluster ${own}`);
      rows.add(row);
    }
    return rows;
  }

  function wholeNumber(word, end) {
    const text = word.trim();
    return /^\d+$/.test(text) && Number(text) < end ? Number(text) : null;
  }

  /** Records with the lines that they begin on; empty ones are left out. */
  function recordsOf(text) {
    const separator = separatorOf(text);
    const field = new RegExp(`"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*)`, 'y');
    const records = [];
    let fields = [];
    let line = 1;
    let start = 1;
    let position = 0;
    while (position < text.length) {
      field.lastIndex = position;
      const [match, inQuotes, plain] = field.exec(text);
      position = field.lastIndex;
      fields.push(plain ?? inQuotes.replaceAll('""', '"'));
      line += match.split(/\r\n|\r|\n/).length - 1;
      if (text[position] === separator) {
        position += 1;
        if (position < text.length) continue;
        fields.push('');
      }
      if (text[position] === '"') throw new Error(`line ${line}: a quotation mark is not closed, or stands within a field`);
      if (text.startsWith('\r\n', position)) position += 1;
      else if (position < text.length && !'\r\n'.includes(text[position])) {
        throw new Error(`line ${line}: text follows a closing quotation mark`);
      }
      position += 1;
      line += 1;
      if (fields.some(Boolean)) records.push({ line: start, fields });
      fields = [];
      start = line;
    }
    return records;
  }

  /** Excel writes semicolons where the comma is the decimal sign. */
  function separatorOf(text) {
    const [header] = text.split(/[\r\n]/, 1);
    return header.includes(';') && !header.includes(',') ? ';' : ',';
  }

  return { format, parse };
})();
