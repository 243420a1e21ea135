"use strict";
// What is drawn on the canvas besides lines: words, crosses, the picture to be saved.

const FONT = "system-ui, sans-serif";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// a pattern counts in widths of its line; on a very thin line patterns look alike
const dashes = (trainer, width) => trainer.dash.map((length) => length * Math.max(1.5, Math.min(width, 2.5)));

// four digits: 12.5k, 1.2G
function short(value) {
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return Number((value / size).toPrecision(4)) + letter;
  }
  return String(Number(value.toPrecision(4)));
}

// text on the canvas, outlined in the paper's colour so that it can be read over lines
function write(ctx, text, x, y, colour) {
  ctx.lineWidth = 3 * devicePixelRatio;
  ctx.lineJoin = "round";
  ctx.strokeStyle = css("--paper");
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

// everything but lines: the word "target", a cross and a word where a run ended early
function marks(plot, chart, lines) {
  const { ctx, bbox } = plot;
  const size = 11 * devicePixelRatio;
  const placed = [];
  ctx.save();
  ctx.setLineDash([]); // of the line before
  ctx.font = `${size}px ${FONT}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const inside = (x, y) => x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1 && y >= bbox.top - 1 && y <= bbox.top + bbox.height + 1;
  const label = (text, x, y, colour) => {
    const width = ctx.measureText(text).width;
    const left = x + width > bbox.left + bbox.width ? x - width - 2 * size : x;
    const down = y < bbox.top + bbox.height / 2;
    let base = y;
    const hit = (box) => left < box.left + box.width && box.left < left + width && Math.abs(base - box.base) < size;
    for (let tries = 0; tries < 12 && placed.some(hit); tries++) base += down ? size : -size;
    placed.push({ left, width, base });
    write(ctx, text, left, base, colour);
  };
  if (chart.target !== null) {
    const y = plot.valToPos(chart.target, "y", true);
    if (inside(bbox.left, y)) label("target", bbox.left + size / 2, y - size / 3, css("--faint"));
  }
  lines.forEach((line, i) => {
    if (!line.ended || !plot.series[i + 2].show) return;
    const last = line.y.findLastIndex((value) => value !== null); // null: not a number
    const [x, y] = [plot.valToPos(line.x[last], "x", true), plot.valToPos(line.y[last], "y", true)];
    if (!inside(x, y)) return;
    const arm = size / 2.5;
    ctx.strokeStyle = css("--bad");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.stroke(new Path2D(`M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x - arm} ${y + arm}L${x + arm} ${y - arm}`));
    label(line.ended, x + size, y + arm, css("--bad"));
  });
  ctx.restore();
}

// the chart with its legend, as a file
function savePicture(plot, chart, name, entries) {
  const [r, from] = [devicePixelRatio, plot.ctx.canvas];
  const [row, gap] = [20 * r, 16 * r];
  const made = document.createElement("canvas");
  const ctx = made.getContext("2d");
  const font = `${13 * r}px ${FONT}`;
  ctx.font = font;
  let [x, y] = [gap, 2.2 * row];
  const spots = entries.map(({ trainer, colour }) => {
    const width = 42 * r + ctx.measureText(trainer.name).width;
    if (x > gap && x + width > from.width) [x, y] = [gap, y + row];
    const spot = { trainer, colour, x, y };
    x += width + gap;
    return spot;
  });
  const head = y + row / 2;
  [made.width, made.height] = [from.width, from.height + head];
  ctx.fillStyle = css("--paper");
  ctx.fillRect(0, 0, made.width, made.height);
  ctx.font = `600 ${14 * r}px ${FONT}`;
  ctx.fillStyle = css("--ink");
  ctx.fillText(name, gap, row, made.width - 2 * gap);
  ctx.font = font;
  for (const spot of spots) {
    ctx.strokeStyle = spot.colour;
    ctx.lineWidth = spot.trainer.width * r;
    ctx.setLineDash(dashes(spot.trainer, spot.trainer.width).map((length) => length * r));
    ctx.stroke(new Path2D(`M${spot.x} ${spot.y - 4 * r}h${34 * r}`));
    ctx.fillText(spot.trainer.name, spot.x + 42 * r, spot.y);
  }
  ctx.drawImage(from, 0, head);
  const link = document.createElement("a");
  link.download = `${name}.png`.replace(/[^\w.=-]+/g, "_");
  link.href = made.toDataURL("image/png");
  link.click();
}
