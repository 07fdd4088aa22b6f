'use strict';

/* names.csv (RFC 4180): columns cluster, category, excluded, example (a row that tells the fit). */

const csv = (() => {
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  /** The file of these names and marks, with one image of each cluster. */
  function format(names, excluded, exampleOf) {
    const numbers = [...new Set([...names.keys(), ...excluded.keys()])].sort((a, b) => a - b);
    const lines = numbers.map((number) => {
      const rows = [...(excluded.get(number) ?? [])].sort((a, b) => a - b);
      return [number, quoted(names.get(number) ?? ''), rows.join(' '), exampleOf(number)].join(',');
    });
    return ['cluster,category,excluded,example', ...lines, ''].join('\r\n');
  }

  /** Names and marks of a file; an Error says what is wrong with it. */
  function parse(text, { nImages, nClusters, clusterOfRow }) {
    const [header, ...records] = recordsOf(text.replace(/^\uFEFF/, ''));
    const columns = (header?.fields ?? []).map((field) => field.trim().toLowerCase());
    if (!columns.includes('cluster') || !columns.includes('category')) {
      throw new Error('the first line must name the columns cluster and category');
    }
    const names = new Map();
    const excluded = new Map();
    const seen = new Set();
    for (const { line, fields } of records) {
      try {
        checkLength(fields, columns);
        const valueOf = (column) => fields[columns.indexOf(column)] ?? '';
        const number = numberOf(valueOf('cluster'), nClusters, 'a cluster');
        if (seen.has(number)) throw new Error(`cluster ${number} is listed twice`);
        seen.add(number);
        const name = checkedName(valueOf('category'));
        if (name) names.set(number, name);
        const rows = rowsOf(valueOf('excluded'), number, nImages, clusterOfRow);
        if (rows.size) excluded.set(number, rows);
        rowsOf(valueOf('example'), number, nImages, clusterOfRow);
      } catch (error) {
        throw new Error(`line ${line}: ${error.message}`);
      }
    }
    return { names, excluded };
  }

  function checkLength(fields, columns) {
    if (fields.length !== columns.length) {
      throw new Error(`it has ${fields.length} fields, but the first line has ${columns.length}`);
    }
  }

  function checkedName(name) {
    if (name && !name.trim()) throw new Error('the category is blank');
    // As in _names.py, which reads what is exported.
    if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) throw new Error('the category has control characters');
    return name;
  }

  /** Rows of images of a cluster; others show that the file is of another fit. */
  function rowsOf(field, cluster, nImages, clusterOfRow) {
    const rows = new Set();
    for (const word of field.split(/\s+/).filter(Boolean)) {
      const row = numberOf(word, nImages, 'an image');
      const own = clusterOfRow.get(row) ?? cluster; // only that of images shown is known
      if (own !== cluster) throw new Error(`image ${row} is in cluster ${own}`);
      rows.add(row);
    }
    return rows;
  }

  /** A number from 0 to n - 1. */
  function numberOf(word, n, what) {
    const digits = word.trim();
    if (/^\d+$/.test(digits) && Number(digits) < n) return Number(digits);
    throw new Error(`“${word}” is not ${what}; they are numbered from 0 to ${n - 1}`);
  }

  /** Records with the lines that they begin on; empty ones are left out. */
  function recordsOf(text) {
    const separator = separatorOf(text);
    // A field, in quotation marks or not, and what ends it.
    const pattern = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*))(${separator}|\\r\\n|\\r|\\n)?`, 'y');
    const records = [];
    let fields = [];
    let [line, start] = [1, 1];
    while (pattern.lastIndex < text.length || fields.length) {
      const [match, inQuotes, plain, end] = pattern.exec(text);
      fields.push(plain ?? inQuotes.replaceAll('""', '"'));
      line += match.split(/\r\n|\r|\n/).length - 1;
      if (end === separator) continue;
      if (end === undefined) checkEnd(text, pattern.lastIndex, line);
      if (fields.some(Boolean)) records.push({ line: start, fields });
      fields = [];
      start = line;
    }
    return records;
  }

  /** Refuse a field that is not followed by a separator or a line end, except the last one. */
  function checkEnd(text, position, line) {
    if (position === text.length) return;
    const reason = text[position] === '"'
      ? 'a quotation mark is not closed, or stands within a field'
      : 'text follows a closing quotation mark';
    throw new Error(`line ${line}: ${reason}`);
  }

  /** Excel writes semicolons where the comma is the decimal sign. */
  function separatorOf(text) {
    const [header] = text.split(/[\r\n]/, 1);
    return header.includes(';') && !header.includes(',') ? ';' : ',';
  }

  return { format, parse };
})();
