"use strict";
// A function in up to four forms. A click on a line lights what belongs to the same operators in all
// of them. Only the lines that can be seen are elements.

const HEIGHT = 18;

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

// Lines `{ text, key, className }` in an element that scrolls.
class Lines {
  constructor(element, onClick) {
    this.element = element;
    this.inner = document.createElement("div");
    element.append(this.inner);
    this.lines = [];
    this.lit = () => false;
    element.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element);
    // By the place: lines may be drawn anew between press and release.
    this.inner.addEventListener("click", (event) => {
      const number = Math.floor((event.clientY - this.inner.getBoundingClientRect().top) / HEIGHT);
      if (this.lines[number]) onClick(this.lines[number], number);
    });
  }

  show(lines) {
    this.lines = lines;
    this.inner.style.height = `${lines.length * HEIGHT}px`;
    this.element.scrollTop = 0;
    this.element.scrollLeft = 0;
    this.draw();
  }

  draw() {
    const from = Math.max(0, Math.floor(this.element.scrollTop / HEIGHT) - 10);
    const to = Math.min(this.lines.length, from + Math.ceil(this.element.clientHeight / HEIGHT) + 20);
    const elements = document.createDocumentFragment();
    for (let number = from; number < to; number += 1) {
      const { text, className } = this.lines[number];
      const line = document.createElement("div");
      line.className = `line ${className ?? ""}`;
      line.classList.toggle("lit", this.lit(this.lines[number], number));
      line.style.top = `${number * HEIGHT}px`;
      line.textContent = text;
      line.number = number;
      elements.append(line);
    }
    this.inner.replaceChildren(elements);
  }

  // Scrolls the first line that is lit into view, if none is there.
  reveal() {
    const { scrollTop, clientHeight } = this.element;
    const isVisible = (number) => number * HEIGHT >= scrollTop && (number + 1) * HEIGHT <= scrollTop + clientHeight;
    let first = -1;
    for (let number = 0; number < this.lines.length; number += 1) {
      if (!this.lit(this.lines[number], number)) continue;
      if (isVisible(number)) { first = -1; break; }
      if (first < 0) first = number;
    }
    if (first >= 0) this.element.scrollTop = Math.max(0, first * HEIGHT - clientHeight / 3);
    this.draw();
  }
}

const panes = {};
for (const id of ["source", "wat", "clif", "code"]) {
  panes[id] = new Lines(document.querySelector(`#${id} .lines`), (line, number) => choose(id, line, number));
}
const names = new Lines(document.getElementById("names"), (line) => open(line.number));
const search = document.getElementById("search");
const pieces = document.getElementById("pieces").textContent;
let index, lowered, current = -1, view, file = -1, fileLines = new Map();

const piece = (start, length) => unpack(pieces.slice(start, start + length));

// The offsets of operators that a line of a pane stands for.
function offsets(id, line, number) {
  if (id !== "source") return line.key === undefined ? [] : [line.key];
  return view.positions.filter(([, of, at]) => of === file && at === number + 1).map(([offset]) => offset);
}

function choose(id, line, number) {
  const chosen = new Set(offsets(id, line, number));
  if (!chosen.size) return;
  const at = view.positions.find(([offset]) => chosen.has(offset));
  const sourceLines = new Set(view.positions.filter(([offset, of]) => chosen.has(offset) && of === (at ?? [])[1]).map((it) => it[2]));
  for (const other of ["wat", "clif", "code"]) panes[other].lit = (it) => chosen.has(it.key);
  const shown = at && at[1] !== file ? showFile(at[1]) : Promise.resolve();
  shown.then(() => {
    panes.source.lit = (it, nth) => sourceLines.has(nth + 1);
    for (const [name, pane] of Object.entries(panes)) if (name !== id || name === "source") pane.reveal(); else pane.draw();
  });
}

async function showFile(number) {
  const [name, start, length] = index.files[number];
  if (!fileLines.has(number)) {
    const text = await piece(start, length);
    const lines = text === null ? [`${name} can't be read here`] : text.split("\n");
    fileLines.set(number, lines.map((line, nth) => ({ text: `${String(nth + 1).padStart(5)}  ${line}`, className: "placed" })));
  }
  file = number;
  document.querySelector("#source h2").textContent = name;
  panes.source.lit = () => false;
  panes.source.show(fileLines.get(number));
}

// Lines of CLIF: `@002a` at the start is the operator's offset. The others leave a margin for it.
const MARGIN = /^ {32}/;

function clifLines(text) {
  return text.trimEnd().split("\n").map((line) => {
    const place = /^@([0-9a-f]+)\s/.exec(line);
    const body = place ? line.slice(place[0].length).trimStart() : line.replace(MARGIN, "");
    return place ? { text: `    ${body}`, key: parseInt(place[1], 16), className: "placed" } : { text: body };
  });
}

const placed = (key) => key === null || key === undefined ? "" : "placed";
const hex = (number) => number.toString(16).padStart(4, " ");

async function open(number) {
  const [name, start, length, , codeSize] = index.functions[number];
  const opened = await piece(start, length);
  current = number;
  view = opened;
  for (const pane of Object.values(panes)) pane.lit = () => false;
  panes.wat.show(view.wat.map(([key, text]) => ({ text, key: key ?? undefined, className: placed(key) })));
  panes.clif.show(clifLines(view.clif));
  panes.code.show(view.code.map(([at, key, text]) => ({ text: `${hex(at)}  ${text}`, key: key ?? undefined, className: placed(key) })));
  if (view.positions.length) await showFile(view.positions[0][1]);
  document.getElementById("function").textContent = name;
  document.getElementById("facts").textContent = `${view.wat.length} lines, ${codeSize} bytes of machine code`;
  location.hash = number;
  names.draw();
}

function find() {
  const text = search.value.toLowerCase();
  const found = [];
  for (let number = 0; number < lowered.length; number += 1) {
    if (lowered[number].includes(text)) found.push({ text: index.functions[number][0], number });
  }
  document.getElementById("count").textContent = `${found.length} of ${lowered.length} functions`;
  names.show(found);
}

unpack(document.getElementById("index").textContent).then(async (unpacked) => {
  index = unpacked;
  lowered = index.functions.map(([name]) => name.toLowerCase());
  document.title = `${index.title}: explore`;
  document.getElementById("title").textContent = index.title;
  document.getElementById("source").hidden = !index.files.length;
  names.lit = (line) => line.number === current;
  search.addEventListener("input", find);
  find();
  const asked = parseInt(location.hash.slice(1), 10);
  if (index.functions.length) await open(index.functions[asked] ? asked : 0);
  document.body.dataset.ready = "true";
});
