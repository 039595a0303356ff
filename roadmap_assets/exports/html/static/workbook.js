// A workbook without a library: a zip of stored files, each cell a text that no spreadsheet runs as a formula.
const encoded = (text) => new TextEncoder().encode(text);

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

const littleEndian = (value, bytes) => Array.from({ length: bytes }, (_, at) => (value >>> (8 * at)) & 255);
const EPOCH = [0, 0, 0x21, 0x5c]; // midnight of 2026-01-01, as MS-DOS writes it: a file's time says nothing here

// PKWARE's APPNOTE 6.3: local headers with the files, the central directory, its end.
function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [title, bytes] = [encoded(name), encoded(text)];
    const facts = [20, 0, 0, 8, 0, 0, ...EPOCH, ...littleEndian(crc32(bytes), 4), ...littleEndian(bytes.length, 4), ...littleEndian(bytes.length, 4), ...littleEndian(title.length, 2), 0, 0];
    parts.push(new Uint8Array([0x50, 0x4b, 3, 4, ...facts]), title, bytes);
    directory.push(new Uint8Array([0x50, 0x4b, 1, 2, 20, 0, ...facts, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...littleEndian(offset, 4)]), title);
    offset += 30 + title.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = littleEndian(directory.length / 2, 2);
  const end = new Uint8Array([0x50, 0x4b, 5, 6, 0, 0, 0, 0, ...count, ...count, ...littleEndian(size, 4), ...littleEndian(offset, 4), 0, 0]);
  return new Blob([...parts, ...directory, end]);
}

const LONGEST_CELL = 32767;
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const xml = (text) => text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "").replace(/[&<>"]/g, (char) => ESCAPES[char]);
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const OPEN_XML = "http://schemas.openxmlformats.org";
const RELATIONS = `${OPEN_XML}/officeDocument/2006/relationships`;

function workbook(rows) {
  const cell = (text) => `<c t="inlineStr"><is><t xml:space="preserve">${xml(text.slice(0, LONGEST_CELL))}</t></is></c>`;
  const sheet = rows.map((row) => `<row>${row.map(cell).join("")}</row>`).join("");
  const part = (name, type) => `<Override PartName="${name}" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.${type}+xml"/>`;
  return zip({
    "[Content_Types].xml": `${HEAD}<Types xmlns="${OPEN_XML}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>${part("/xl/workbook.xml", "sheet.main")}${part("/xl/worksheets/sheet1.xml", "worksheet")}</Types>`,
    "_rels/.rels": `${HEAD}<Relationships xmlns="${OPEN_XML}/package/2006/relationships"><Relationship Id="rId1" Type="${RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `${HEAD}<workbook xmlns="${OPEN_XML}/spreadsheetml/2006/main" xmlns:r="${RELATIONS}"><sheets><sheet name="Topics" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `${HEAD}<Relationships xmlns="${OPEN_XML}/package/2006/relationships"><Relationship Id="rId1" Type="${RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    "xl/worksheets/sheet1.xml": `${HEAD}<worksheet xmlns="${OPEN_XML}/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols><col min="1" max="3" width="26" customWidth="1"/><col min="4" max="${Math.max(4, rows[0].length)}" width="44" customWidth="1"/></cols><sheetData>${sheet}</sheetData></worksheet>`,
  });
}
