"use strict";
// Names come from records: they are put in place as text, never as markup.

const all = JSON.parse(document.getElementById("charts").textContent);
const AXES = { timesteps: "timesteps", seconds: "seconds of training alone", flops: "FLOPs" };
const INK = "#000000"; // the colour that has to follow the page's

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (of) => (of === INK ? css("--ink") : of);
const narrow = () => window.innerWidth < 700;
// nothing that would send a chart anywhere
const config = () => ({
  responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
  displayModeBar: narrow() ? false : "hover", modeBarButtons: [["toImage", "resetScale2d"]],
});

// plotly reads tags, entities and %{...} in its texts
const plain = (text) => String(text).replace(/[&<>{]/g, (c) => `&#${c.charCodeAt(0)};`);

// where a long name would leave no room for its bar
const short = (name) => (narrow() && name.length > 28 ? `${name.slice(0, 26)}…` : name);

function layout(more) {
  const axis = { gridcolor: css("--grid"), linecolor: css("--rule"), zerolinecolor: css("--grid"), automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, autosize: true,
    font: { color: css("--ink"), family: "system-ui, sans-serif", size: 12 },
    hoverlabel: { bgcolor: css("--panel"), bordercolor: css("--rule"), font: { color: css("--ink") }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--faint"), activecolor: css("--ink") },
    dragmode: narrow() ? false : "zoom", // a thumb that scrolls must not zoom
    ...more,
    xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
  };
}

function button(parent, said, pressed, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = said;
  if (pressed !== null) made.setAttribute("aria-pressed", pressed);
  made.addEventListener("click", () => act(made));
  parent.append(made);
  return made;
}

function swatch(trainer) {
  const dashes = { solid: "", dash: "6 3", dot: "2 2", dashdot: "6 2 2 2", longdash: "9 3", longdashdot: "9 2 2 2" };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", 26);
  svg.setAttribute("height", 6);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M0 3H26");
  line.style.stroke = trainer.colour === INK ? "var(--ink)" : trainer.colour;
  line.setAttribute("stroke-width", 3);
  line.setAttribute("stroke-dasharray", dashes[trainer.dash]);
  svg.append(line);
  return svg;
}

function traces(chart, state) {
  const shape = chart.steps ? "hv" : "linear";
  const found = [];
  for (const trainer of chart.trainers) {
    const name = plain(trainer.name);
    const common = { legendgroup: trainer.name, visible: !state.hidden.has(trainer.name), mode: "lines" };
    const tell = (note) => `${name}<br>%{x:.4~s} ${state.axis}<br>%{y:.4~g}<extra>${note}</extra>`;
    for (const run of trainer.runs) {
      const whole = run.status === "complete";
      if (whole && !state.seeds) continue;
      const last = run.y.length - 1;
      found.push({
        ...common, name: whole ? `${name} seed ${run.seed}` : `${name} seed ${run.seed}: ${run.status}`,
        x: run[state.axis], y: run.y, opacity: whole ? 0.35 : 0.9,
        line: { color: colour(trainer.colour), width: whole ? 1 : 1.5, dash: whole ? trainer.dash : "dot", shape },
        hovertemplate: tell(`seed ${run.seed}${whole ? "" : ", " + plain(run.status)}`),
        ...(whole ? {} : {
          mode: "lines+markers+text", textposition: "top center",
          text: run.y.map((_, i) => (i === last ? plain(run.status) : "")),
          marker: { symbol: "x", size: run.y.map((_, i) => (i === last ? 10 : 0)), color: css("--bad") },
        }),
      });
    }
    if (!trainer.medians) continue;
    const seeds = trainer.runs.filter((run) => run.status === "complete").length;
    found.push({
      ...common, name, ...trainer.medians[state.axis],
      line: { color: colour(trainer.colour), width: 2.5, dash: trainer.dash, shape },
      hovertemplate: tell(seeds === 1 ? "1 seed" : `median of ${seeds} seeds`),
    });
  }
  return found;
}

function curves(figure, chart) {
  const state = { axis: "timesteps", hidden: new Set(), seeds: chart.trainers.length <= 6 };
  const [controls, legend, plot] = figure.children;
  const redraw = () => Plotly.react(plot, traces(chart, state), layout({
    height: narrow() ? 360 : 440, margin: { l: 50, r: 12, t: 12, b: 50 }, hovermode: "closest",
    xaxis: { title: { text: AXES[state.axis] }, exponentformat: "SI", rangemode: "tozero" },
    yaxis: { title: { text: plain(chart.said) }, rangemode: chart.steps ? "tozero" : "normal" },
    shapes: chart.target === null ? [] : [{
      type: "line", layer: "below", xref: "paper", x0: 0, x1: 1, y0: chart.target, y1: chart.target,
      line: { color: css("--faint"), width: 1, dash: "dot" }, label: { text: "target", textposition: "end", font: { size: 10 } },
    }],
  }), config());
  for (const axis of Object.keys(AXES)) {
    button(controls, axis === "flops" ? "FLOPs" : axis, axis === state.axis, (pressed) => {
      state.axis = axis;
      for (const each of controls.querySelectorAll("[data-axis]")) each.setAttribute("aria-pressed", each === pressed);
      redraw();
    }).dataset.axis = axis;
  }
  button(controls, "every seed", state.seeds, (pressed) => {
    state.seeds = !state.seeds;
    pressed.setAttribute("aria-pressed", state.seeds);
    redraw();
  });
  const chips = chart.trainers.map((trainer) => {
    const chip = button(legend, trainer.name, true, () => show([trainer.name], state.hidden.has(trainer.name)));
    const lacking = trainer.runs.filter((run) => run.status !== "complete").length;
    if (lacking) chip.append(` (${lacking} not complete)`);
    chip.prepend(swatch(trainer));
    return chip;
  });
  const names = chart.trainers.map((trainer) => trainer.name);
  function show(which, shown) {
    for (const name of which) state.hidden[shown ? "delete" : "add"](name);
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", !state.hidden.has(names[i])));
    redraw();
  }
  button(controls, "show all", null, () => show(names, true));
  button(controls, "hide all", null, () => show(names, false));
  return redraw;
}

function costs(grid, chart) {
  const plots = chart.costs.map(() => grid.appendChild(document.createElement("div")));
  const colours = Object.fromEntries(chart.trainers.map((trainer) => [trainer.name, trainer.colour]));
  return () => chart.costs.forEach((cost, k) => {
    const bars = [...cost.bars].reverse(); // plotly counts from below
    const at = bars.map((_, i) => i);
    Plotly.react(plots[k], [{
      type: "bar", orientation: "h", y: at, x: bars.map((bar) => bar.median),
      marker: { color: bars.map((bar) => colour(colours[bar.trainer])), opacity: 0.75 },
      error_x: {
        type: "data", symmetric: false, thickness: 1, width: 3, color: css("--ink"),
        array: bars.map((bar) => bar.high - bar.median), arrayminus: bars.map((bar) => bar.median - bar.low),
      },
      hovertemplate: bars.map((bar) => `${plain(bar.trainer)}<br>%{x:,.4~g} [${bar.low}, ${bar.high}]<extra>${bar.done} of ${bar.made} runs</extra>`),
    }], layout({
      height: 90 + 21 * bars.length, margin: { l: 10, r: 12, t: 30, b: 30 }, bargap: 0.3,
      title: { text: plain(cost.said), font: { size: 13 }, x: 0, xref: "container", pad: { l: 4 } },
      xaxis: { rangemode: "tozero" },
      yaxis: {
        tickvals: at, tickfont: { size: 11 }, showgrid: false, zeroline: false,
        ticktext: bars.map((bar) => plain(short(bar.trainer)) + (bar.done < bar.made ? ` (${bar.done} of ${bar.made})` : "")),
      },
    }), { ...config(), displayModeBar: false });
  });
}

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
const drawn = [];
const watch = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    watch.unobserve(entry.target);
    const draw = (entry.target.matches(".curves") ? curves : costs)(entry.target, all[entry.target.dataset.chart]);
    drawn.push(draw);
    draw();
  }
}, { rootMargin: "600px" });
document.querySelectorAll(".curves, .costs").forEach((each) => watch.observe(each));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((draw) => draw()));

// a link to a run opens what it is folded into
function unfold() {
  let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const wanted = target;
  for (; target; target = target.parentElement) if (target.tagName === "DETAILS") target.open = true;
  if (wanted) wanted.scrollIntoView();
}
window.addEventListener("hashchange", unfold);
unfold();
