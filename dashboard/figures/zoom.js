/* Tells the page where Plotly charts were zoomed to. Plotly tells its own element what was zoomed; nobody else learns
 * of it. Charts come and go with every redraw. */

const seen = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const zoomed = (chart, name, change) => {
    // What a chart shows is asked of the chart: the one on the page can be older than the data above.
    const view = chart.layout.meta;
    const kept = seen.get(parentElement)?.view === view ? seen.get(parentElement) : { view, charts: {} };
    const ranges = { ...kept.charts[name] };
    const axes = Object.keys(chart.layout).filter((one) => /^[xy]axis\d*$/.test(one));
    for (const axis of axes) {
      const pair = change[`${axis}.range`] ?? [change[`${axis}.range[0]`], change[`${axis}.range[1]`]];
      if (change[`${axis}.autorange`]) delete ranges[axis];
      else if (pair[0] !== undefined) ranges[axis] = pair;
    }
    if (JSON.stringify(ranges) === JSON.stringify(kept.charts[name] ?? {})) return;
    const charts = { ...kept.charts, [name]: ranges };
    seen.set(parentElement, { view, charts });
    setStateValue("zoom", { view, charts });
  };
  const known = new WeakSet();
  const look = () => {
    for (const name of data.charts) {
      const chart = document.querySelector(`.st-key-${CSS.escape(name.replaceAll(" ", "-"))} .js-plotly-plot`);
      if (!chart?.on || known.has(chart)) continue;
      known.add(chart);
      chart.on("plotly_relayout", (change) => zoomed(chart, name, change));
    }
  };
  const timer = setInterval(look, 200);
  look();
  return () => clearInterval(timer);
}
