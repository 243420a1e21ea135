"use strict";
// The curves of one setting. Names come from records: they are inserted as text, never as markup.

const AXES = {
  timesteps: { button: "timesteps", label: "timesteps" },
  seconds: { button: "seconds", label: "seconds of training" },
  flops: { button: "FLOPs", label: "FLOPs" },
};
const narrow = () => window.innerWidth < 700;

function button(parent, said, pressed, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = said;
  if (pressed !== null) made.setAttribute("aria-pressed", pressed);
  made.addEventListener("click", () => act(made));
  parent.append(made);
  return made;
}

// the style sheet turns the trainer's colour into the one that is seen, light or dark
function swatch(trainer) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "look");
  svg.setAttribute("width", 34);
  svg.setAttribute("height", 6);
  svg.style.setProperty("--look", trainer.colour);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M0 3H34");
  line.setAttribute("stroke", "currentColor");
  line.setAttribute("stroke-width", trainer.width);
  line.setAttribute("stroke-dasharray", dashes(trainer, trainer.width).join(" "));
  svg.append(line);
  return svg;
}

function linesOf(chart, axis) {
  const found = [];
  for (const trainer of chart.trainers) {
    for (const run of trainer.runs) {
      const whole = run.status === "complete";
      const note = `seed ${run.seed}${whole ? "" : ", " + run.status}`;
      found.push({ trainer, note, x: run[axis], y: run.y, ended: whole ? null : run.status, single: whole });
    }
    if (!trainer.medians) continue;
    const seeds = trainer.runs.filter((run) => run.status === "complete").length;
    const note = seeds === 1 ? "1 seed" : `median of ${seeds} seeds`;
    found.push({ trainer, note, ...trainer.medians[axis], ended: null, single: false });
  }
  return found;
}

function seriesOf(line, chart, colour, show) {
  const width = line.single ? 1 : line.ended ? 1.5 : line.trainer.width;
  const alone = line.x[0] === line.x.at(-1); // a point, which makes no line
  return {
    show, width, stroke: colour, points: { show: alone, size: 7, fill: colour },
    alpha: line.single ? 0.5 : 1,
    dash: line.ended ? [2, 3] : dashes(line.trainer, width),
    paths: chart.steps ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear(),
  };
}

function axisOf(label, more) {
  const [ink, grid] = [css("--ink"), { stroke: css("--grid"), width: 1 }];
  return {
    label, stroke: ink, grid, ticks: { ...grid, size: 4 }, font: `12px ${FONT}`, labelFont: `13px ${FONT}`,
    labelSize: 24, values: (_, splits) => splits.map(short), ...more,
  };
}

function curves(figure, chart) {
  const state = { axis: "timesteps", hidden: new Set(), seeds: chart.trainers.length <= 6 };
  const [controls, legend, place] = figure.children;
  const tip = document.createElement("div");
  tip.className = "tip";
  let [plot, lines, near] = [null, [], null];

  const chips = chart.trainers.map((trainer) => {
    const chip = button(legend, trainer.name, true, () => show([trainer], state.hidden.has(trainer)));
    const lacking = trainer.runs.filter((run) => run.status !== "complete").length;
    if (lacking) chip.append(` (${lacking} not complete)`);
    chip.prepend(swatch(trainer));
    return chip;
  });
  const colourOf = (trainer) => getComputedStyle(chips[chart.trainers.indexOf(trainer)].firstChild).color;
  const shown = (line) => !state.hidden.has(line.trainer) && (state.seeds || !line.single);

  function tell(u) {
    const line = lines[near - 2];
    const index = u.cursor.idxs[near];
    tip.hidden = !line || u.cursor.left < 0 || index === null;
    if (tip.hidden) return;
    const [x, y] = [u.data[0][index], u.data[near][index]];
    tip.textContent = `${line.trainer.name}\n${chart.said}: ${short(y)}\nat ${short(x)} ${AXES[state.axis].label}\n${line.note}`;
    const [left, top] = [u.valToPos(x, "x"), u.valToPos(y, "y")];
    tip.style.left = `${Math.max(0, left > u.over.clientWidth / 2 ? left - tip.offsetWidth - 10 : left + 10)}px`;
    tip.style.top = `${top > u.over.clientHeight / 2 ? top - tip.offsetHeight - 10 : top + 10}px`;
  }

  function draw() {
    if (plot) plot.destroy();
    [lines, near] = [linesOf(chart, state.axis), null];
    const last = Math.max(...lines.map((line) => line.x.at(-1)));
    // the first line is the target's; it also makes the x axis begin at 0
    const target = [[0, last], [chart.target, chart.target]];
    const dragged = !narrow(); // a thumb that scrolls must not zoom
    plot = new uPlot({
      width: place.clientWidth, height: narrow() ? 350 : 430, padding: [12, 16, 0, 0],
      legend: { show: false }, focus: { alpha: 1 },
      scales: { x: { time: false }, y: { range: { min: { pad: 0.05, soft: 0, mode: chart.steps ? 1 : 0 }, max: { pad: 0.05, mode: 0 } } } },
      axes: [
        axisOf(AXES[state.axis].label, { size: 34, space: 75 }),
        axisOf(chart.said, { size: (_, values) => 14 + 7.5 * Math.max(3, ...(values ?? []).map((text) => text.length)) }),
      ],
      series: [
        {},
        { stroke: css("--faint"), width: 1, dash: [3, 3], points: { show: false } },
        ...lines.map((line) => seriesOf(line, chart, colourOf(line.trainer), shown(line))),
      ],
      cursor: {
        x: false, y: false, points: { one: true, size: 9 },
        drag: { x: dragged, y: dragged, setScale: dragged, uni: 40, dist: 5 },
        focus: { prox: 45, dist: (u, i, index, y, top) => Math.hypot(y - top, u.valToPos(u.data[0][index], "x") - u.cursor.left) },
      },
      hooks: {
        draw: [(u) => marks(u, chart, lines)],
        setSeries: [(_, i, change) => { if (change.focus !== undefined) near = i; }],
        setCursor: [tell],
      },
    }, uPlot.join([target, ...lines.map((line) => [line.x, line.y])]), place);
    tip.hidden = true;
    plot.over.append(tip);
    describe();
  }

  // for screen readers
  function describe() {
    const names = chart.trainers.filter((trainer) => !state.hidden.has(trainer)).map((trainer) => trainer.name);
    place.setAttribute("aria-label", `${chart.said} against ${AXES[state.axis].label}; shown: ${names.join(", ") || "nothing"}`);
  }

  function refresh() {
    plot.batch(() => lines.forEach((line, i) => plot.setSeries(i + 2, { show: shown(line) })));
    describe();
  }

  function show(trainers, visible) {
    for (const trainer of trainers) state.hidden[visible ? "delete" : "add"](trainer);
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", !state.hidden.has(chart.trainers[i])));
    refresh();
  }

  for (const axis of chart.axes) {
    button(controls, AXES[axis].button, axis === state.axis, (pressed) => {
      state.axis = axis;
      for (const each of controls.querySelectorAll("[data-axis]")) each.setAttribute("aria-pressed", each === pressed);
      draw();
    }).dataset.axis = axis;
  }
  button(controls, "every seed", state.seeds, (pressed) => {
    state.seeds = !state.seeds;
    pressed.setAttribute("aria-pressed", state.seeds);
    refresh();
  });
  button(controls, "show all", null, () => show(chart.trainers, true));
  button(controls, "hide all", null, () => show(chart.trainers, false));
  if (!narrow()) button(controls, "reset zoom", null, () => plot.setData(plot.data)).title = "Drag over the chart to zoom in";
  button(controls, "save as PNG", null, () => {
    const entries = chart.trainers.filter((trainer) => !state.hidden.has(trainer));
    const name = `${chart.task}, ${AXES[state.axis].button}`;
    savePicture(plot, chart, name, entries.map((trainer) => ({ trainer, colour: colourOf(trainer) })));
  });
  new ResizeObserver(() => {
    if (plot && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: plot.height });
  }).observe(place);
  return draw;
}
