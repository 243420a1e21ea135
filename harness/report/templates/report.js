"use strict";
// The page: tables that are sorted, charts drawn when they are seen, links that unfold.

function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => {
      const cell = row.cells[column];
      return column === 0 ? cell.textContent : Number(cell.dataset.value);
    };
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (column === 0) return (down ? -1 : 1) * x.localeCompare(y, "en", { numeric: true });
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // dashes last
      return down ? y - x : x - y;
    };
    body.append(...[...body.rows].sort(order));
  }));
}

document.querySelectorAll("table.comparison").forEach(sortable);

// a chart is drawn when it comes near the screen: a page of all results holds a hundred
const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = new Map();
function draw(figure) {
  if (drawn.has(figure)) return;
  watch.unobserve(figure);
  drawn.set(figure, curves(figure, charts[figure.dataset.chart]));
  drawn.get(figure)();
}
const watch = new IntersectionObserver(
  (entries) => entries.filter((each) => each.isIntersecting).forEach((each) => draw(each.target)),
  { rootMargin: "600px" },
);
const figures = [...document.querySelectorAll(".curves")];
figures.forEach((figure) => watch.observe(figure));
window.addEventListener("beforeprint", () => figures.forEach(draw));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((redraw) => redraw()));

// a link to a run opens the sections that hold it
function unfold() {
  let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const wanted = target;
  for (; target; target = target.parentElement) if (target.tagName === "DETAILS") target.open = true;
  if (wanted) wanted.scrollIntoView();
}
window.addEventListener("hashchange", unfold);
unfold();
