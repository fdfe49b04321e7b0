"use strict";
// A tree of names and sizes as nested rectangles, each as large as what it stands for takes.

const data = JSON.parse(document.getElementById("data").textContent);
const map = document.getElementById("map");
const search = document.getElementById("search");
const PAD = 3, HEAD = 16, LEAST = 3;
let path = [data.tree];

const bytes = (n) => n < 10240 ? `${n} B` : n < 10485760 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
const percent = (n) => `${(100 * n / data.tree.size).toFixed(1)} %`;

// Squarified treemap (Bruls, Huizing, van Wijk 2000): rows along the shorter side, each as long as
// the rectangles in it get closer to squares.
function squarify(items, x, y, width, height, place) {
  const total = items.reduce((sum, item) => sum + item.size, 0);
  const scale = total > 0 ? width * height / total : 0;
  let at = 0;
  while (at < items.length && width >= 1 && height >= 1) {
    const side = Math.min(width, height);
    const worst = (sum, least, most) => Math.max(side * side * most / (sum * sum), sum * sum / (side * side * least));
    let end = at, sum = 0, best = Infinity;
    while (end < items.length) {
      const area = items[end].size * scale;
      if (area <= 0) { end = items.length; break; }
      const ratio = worst(sum + area, area, items[at].size * scale);
      if (ratio > best) break;
      best = ratio; sum += area; end += 1;
    }
    const depth = sum / side;
    let along = 0;
    for (const item of items.slice(at, end)) {
      const length = depth > 0 ? item.size * scale / depth : 0;
      if (width >= height) place(item, x, y + along, depth, length);
      else place(item, x + along, y, length, depth);
      along += length;
    }
    if (width >= height) { x += depth; width -= depth; } else { y += depth; height -= depth; }
    at = Math.max(end, at + 1);
  }
}

function color(name) {
  let hash = 7;
  for (const c of name) hash = (hash * 31 + c.codePointAt(0)) >>> 0;
  return `hsl(${hash % 360} 45% 72%)`;
}

function draw() {
  map.replaceChildren();
  const root = path[path.length - 1];
  const boxes = document.createDocumentFragment();
  const put = (node, trail, x, y, width, height, hue) => {
    if (width < LEAST || height < LEAST) return;
    const box = document.createElement("div");
    const isGroup = Boolean(node.children);
    box.className = isGroup ? "group" : "leaf";
    box.style.cssText = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
    if (!isGroup) box.style.background = hue;
    if (width > 24 && height > 11) box.textContent = isGroup ? `${node.name}  ${bytes(node.size)}` : node.name;
    box.title = `${[...trail, node].slice(1).map((it) => it.name).join(" › ")}\n${bytes(node.size)}, ${percent(node.size)}`;
    box.node = node;
    box.trail = trail;
    boxes.append(box);
    if (isGroup && width > 2 * PAD + LEAST && height > HEAD + PAD) {
      const own = trail.length < 2 ? null : hue ?? color(node.name);
      squarify(node.children, x + PAD, y + HEAD, width - 2 * PAD, height - HEAD - PAD,
        (child, ...at) => put(child, [...trail, node], ...at, own ?? color(child.name)));
    }
  };
  put(root, path.slice(0, -1), 0, 0, map.clientWidth, map.clientHeight, path.length > 2 ? color(root.name) : undefined);
  map.append(boxes);
  const crumbs = document.getElementById("crumbs");
  crumbs.replaceChildren();
  path.slice(0, path.length > 1 ? path.length : 0).forEach((node, depth) => {
    const button = document.createElement("button");
    button.textContent = node.name;
    button.onclick = () => { path = path.slice(0, depth + 1); draw(); };
    crumbs.append(depth ? " › " : "", button);
  });
  light();
}

function light() {
  const text = search.value.toLowerCase();
  let n = 0, size = 0;
  const visit = (node) => {
    if (node.children) node.children.forEach(visit);
    else if (text && node.name.toLowerCase().includes(text)) { n += 1; size += node.size; }
  };
  visit(path[path.length - 1]);
  for (const box of map.children) {
    const isHit = Boolean(text) && !box.node.children && box.node.name.toLowerCase().includes(text);
    box.classList.toggle("lit", isHit);
    box.classList.toggle("faded", Boolean(text) && !box.node.children && !isHit);
  }
  document.getElementById("found").textContent = text ? `${n} found, ${bytes(size)}` : "";
}

map.addEventListener("click", (event) => {
  const box = event.target.closest("#map > div");
  if (!box) return;
  const trail = box.node.children ? [...box.trail, box.node] : box.trail;
  if (trail.length === path.length && box.node === path[path.length - 1]) path = path.slice(0, Math.max(1, path.length - 1));
  else path = trail.length ? trail : [data.tree];
  draw();
});
search.addEventListener("input", light);
addEventListener("resize", draw);

function section(title, content) {
  const heading = document.createElement("h2");
  heading.textContent = title;
  document.getElementById("side").append(heading, content);
}

document.title = `${data.title}: what takes how much`;
document.getElementById("title").textContent = data.title;
document.getElementById("total").textContent = bytes(data.tree.size);
const facts = document.createElement("dl");
for (const [label, values] of data.facts) {
  const term = document.createElement("dt"), value = document.createElement("dd");
  term.textContent = label;
  value.textContent = values.join("\n");
  facts.append(term, value);
}
section("What it may do", facts);
const leaves = [];
(function visit(node) { node.children ? node.children.forEach(visit) : leaves.push(node); })(data.tree);
leaves.sort((one, other) => other.size - one.size);
const table = document.createElement("table");
for (const leaf of leaves.slice(0, 40)) {
  const row = table.insertRow();
  row.insertCell().textContent = bytes(leaf.size);
  row.insertCell().textContent = leaf.name;
}
section("Largest", table);
draw();
document.body.dataset.ready = "true";
