"use strict";
// Stages on top, then a line for each thread with the functions that it compiled.

const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("lines");
const context = canvas.getContext("2d");
const LEFT = 70, ROW = 26, GAP = 6, TOP = 22;
const rows = [["stages", data.stages], ...data.threads.map((spans, nth) => [`thread ${nth + 1}`, spans])];
const end = Math.max(data.total, ...data.stages.map((it) => it.end), 0.001);
let view = { from: 0, to: end };

const time = (ms) => ms < 1 ? `${(1000 * ms).toFixed(0)} µs` : ms < 10000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
const styles = getComputedStyle(document.documentElement);
const ink = (name) => styles.getPropertyValue(name).trim();

function hue(text) {
  let hash = 7;
  for (const c of text) hash = (hash * 31 + c.codePointAt(0)) >>> 0;
  return hash % 360;
}

const x = (ms) => LEFT + (ms - view.from) / (view.to - view.from) * (canvas.clientWidth - LEFT - 4);
const ms = (px) => view.from + (px - LEFT) / (canvas.clientWidth - LEFT - 4) * (view.to - view.from);
const y = (row) => TOP + row * (ROW + GAP);

function draw() {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = TOP + rows.length * (ROW + GAP) + 4;
  canvas.style.height = `${height}px`;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  context.scale(ratio, ratio);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const raw = (view.to - view.from) / 8, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    context.fillStyle = ink("--line");
    context.fillRect(x(at), TOP - 6, 1, height);
    context.fillStyle = ink("--dim");
    context.fillText(time(at), x(at) + 3, TOP - 12);
  }
  rows.forEach(([name, spans], row) => {
    context.fillStyle = ink("--dim");
    context.fillText(name, 2, y(row) + ROW / 2);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, width - LEFT, height);
    context.clip();
    for (const span of spans) {
      const left = x(span.start), right = x(span.end);
      if (right < LEFT || left > width) continue;
      context.fillStyle = `hsl(${hue(span.name)} 50% 70%)`;
      context.fillRect(left, y(row), Math.max(right - left, 0.5), ROW);
      if (right - left > 40) {
        context.save();
        context.beginPath();
        context.rect(left, y(row), right - left - 2, ROW);
        context.clip();
        context.fillStyle = "#10151a";
        context.fillText(span.name, Math.max(left, LEFT) + 3, y(row) + ROW / 2);
        context.restore();
      }
    }
    context.restore();
  });
}

// The span under a place; spans of a row are in the order of their starts.
function find(px, py) {
  const row = Math.floor((py - TOP) / (ROW + GAP));
  const spans = rows[row]?.[1];
  if (!spans || px < LEFT) return null;
  const at = ms(px), slack = ms(px + 1) - at;
  return spans.find((span) => span.start - slack <= at && at <= span.end + slack) ?? null;
}

let drag = null;
canvas.addEventListener("mousemove", (event) => {
  if (drag) {
    const by = ms(drag.x) - ms(event.offsetX);
    view = { from: drag.view.from + by, to: drag.view.to + by };
    draw();
    return;
  }
  const span = find(event.offsetX, event.offsetY);
  document.getElementById("hover").textContent = span ? `${span.name}: ${time(span.end - span.start)}, from ${time(span.start)}` : "";
});
canvas.addEventListener("mousedown", (event) => { drag = { x: event.offsetX, view }; });
addEventListener("mouseup", () => { drag = null; });
canvas.addEventListener("dblclick", () => { view = { from: 0, to: end }; draw(); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const at = ms(event.offsetX), scale = Math.exp(event.deltaY / 400);
  view = { from: at - (at - view.from) * scale, to: at + (view.to - at) * scale };
  if (view.to - view.from > end) view = { from: 0, to: end };
  draw();
}, { passive: false });
addEventListener("resize", draw);

function list(title, spans) {
  const heading = document.createElement("h2"), table = document.createElement("table");
  heading.textContent = title;
  for (const span of spans) {
    const row = table.insertRow();
    const took = row.insertCell();
    took.className = "number";
    took.textContent = time(span.end - span.start);
    row.insertCell().textContent = span.name;
  }
  document.getElementById("tables").append(heading, table);
}

document.title = `${data.title}: time line`;
document.getElementById("title").textContent = data.title;
const functions = data.threads.flat();
document.getElementById("total").textContent = `${time(data.total)}, ${functions.length} functions, ${data.threads.length} threads`;
list("Stages", data.stages);
list("Slowest functions", functions.toSorted((one, other) => (other.end - other.start) - (one.end - one.start)).slice(0, 40));
draw();
document.body.dataset.ready = "true";
