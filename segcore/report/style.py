"""How a report looks, on a screen as on A4."""

STYLE = """
:root { --ink: #1b2430; --quiet: #5b6673; --line: #d8dee6; --ground: #f3f5f7; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 62rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", "Source Sans 3", "DejaVu Sans", sans-serif; }
header { border-bottom: 3px solid var(--accent); margin-bottom: 1.2rem; }
header p { margin: 0 0 .6rem; color: var(--quiet); }
h1 { font-size: 1.9rem; margin: 0; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1.05rem; }
.verdict { font-size: 1.1rem; font-weight: 600; margin: .8rem 0; }
.note { border-left: 4px solid #d55e00; background: #fff4ec; padding: .6rem .9rem; margin: .6rem 0; }
.quiet, figcaption, small { color: var(--quiet); } small { font-size: .85rem; }
table { border-collapse: collapse; margin: .6rem 0 1rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td:not(:first-child):not(:last-child) { white-space: nowrap; } .words td { white-space: normal; }
th:first-child, td:first-child, .left { text-align: left; } thead th { border-bottom: 2px solid var(--ink); }
.wide { overflow-x: auto; background: linear-gradient(90deg, #fff 1rem, transparent 2rem),
  linear-gradient(-90deg, #fff 1rem, transparent 2rem) 100% 0, linear-gradient(90deg, #0003, transparent .8rem),
  linear-gradient(-90deg, #0003, transparent .8rem) 100% 0; background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll; background-size: 2rem 100%, 2rem 100%, .8rem 100%, .8rem 100%; }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .3rem 1rem; margin: .6rem 0; }
dt { font-weight: 600; } dd { margin: 0; } @media (max-width: 30rem) { dl { grid-template-columns: 1fr; }
  .many::before { content: "More columns to the right."; color: var(--quiet); font-size: .85rem; }
  dd { margin-bottom: .4rem; } body { padding: 1.2rem 1rem 3rem; } table { font-size: .85rem; }
  th, td { padding: .3rem .35rem; } .wide:not(.many) td:not(:first-child):not(:last-child) { white-space: normal; }
  .key { font-size: .9rem; } }
.words th, .words td { text-align: left; }
.matrix td, .matrix th { text-align: center; border: 1px solid var(--line); } .matrix { width: auto; }
.wrong-missed { background: #cfe6f5; } .wrong-false { background: #fbe0cd; } .right { background: var(--ground); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem 2rem; }
figure { margin: 0; break-inside: avoid; } figure svg { width: 100%; height: auto; }
svg text { font-size: 11.5px; fill: var(--ink); } svg .small { font-size: 11px; fill: var(--quiet); }
svg .grid { stroke: var(--line); } .shares { border-radius: 4px; overflow: hidden; display: block; }
.key { display: inline-block; margin-right: 1.2rem; } .key i { display: inline-block; width: .8em; height: .8em;
  margin-right: .4em; border-radius: 2px; }
.places { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1.2rem; }
.places article { break-inside: avoid; border: 1px solid var(--line); border-radius: 6px; padding: .7rem; }
.places img, .slice img { width: 100%; height: auto; border-radius: 4px; }
.both { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; } .places p { margin: .4rem 0 0; }
.slice { max-width: 34rem; }
pre { background: var(--ground); padding: .7rem .9rem; border-radius: 6px; white-space: pre-wrap; }
pre code { display: block; padding-left: 2em; text-indent: -2em; font: inherit; }
details { margin: .6rem 0; }
@page { size: A4; margin: 16mm 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; } a { color: inherit; }
  .wide { overflow: visible; background: none; } th, td { padding: .2rem .3rem; } .many::before { content: none; }
  .many table { font-size: 8.5pt; } .wide td:not(:first-child):not(:last-child) { white-space: normal; }
  .places { grid-template-columns: repeat(2, 1fr); } .pair { grid-template-columns: 1fr 1fr; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
