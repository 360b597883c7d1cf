"""How the page looks, by day and by night (as the browser asks for)."""

STYLE = """
:root { --ink: #1c1c1c; --paper: #fff; --faint: #555; --wrong: #a30000; --edge: #bbb; --line: #ddd; --blue: #14508c;
  --on-blue: #fff; color-scheme: light; }
body.body--dark { --ink: #eee; --paper: #161616; --faint: #b4b4b4; --wrong: #ff9a8f; --edge: #666; --line: #3a3a3a;
  --blue: #8fc1f5; --on-blue: #10202f; color-scheme: dark; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
.nicegui-content { max-width: 72rem; margin: auto; padding: 0 1rem 3rem; gap: .75rem; align-items: stretch; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0; font-weight: 600; }
h2 { font-size: 1.15rem; line-height: 1.4; margin: 1rem 0 .25rem; font-weight: 600; }
h3 { font-size: 1rem; line-height: 1.4; margin: .75rem 0 .25rem; font-weight: 600; }
p { margin: 0; }
h1, h2, h3, p, li, td, th, summary { overflow-wrap: anywhere; }
.quiet { color: var(--faint); font-size: .9rem; }
.problem { color: var(--wrong); }
.problem:empty, .said:empty { display: none; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .25rem 0; }
.bar.top { padding: .6rem 0; border-bottom: 1px solid var(--edge); justify-content: space-between; margin: 0; }
.bar > .grow { flex: 1 1 16rem; min-width: 0; }
.two { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 60rem) { .two { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
@media (min-width: 60rem) { .two.even { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
@media (max-width: 60rem) { .first { order: -1; } }
.first:empty { display: none; }
.beside { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
ol.places, ul.plain { list-style: none; margin: 0; padding: 0; }
ol.places > li, ul.plain > li { border-bottom: 1px solid var(--line); padding: .5rem 0; }
ul.columns { columns: 9rem; }
.line { display: flex; justify-content: space-between; align-items: flex-start; gap: 1rem; }
.line > :last-child { white-space: nowrap; flex: none; }
summary { cursor: pointer; display: list-item; }
:is(summary, a, input[type=range], .q-btn):focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
a { color: var(--blue); }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding-top: .5rem; }
th, td { padding: .15rem .5rem; text-align: left; }
table.wide { width: 100%; }
td.number, th.number { text-align: right; overflow-wrap: normal; font-variant-numeric: tabular-nums; }
.track { background: var(--line); height: .7rem; min-width: 4rem; }
.track > div { background: var(--blue); height: 100%; }
table.week { font-size: .85rem; }
table.week td, table.week th { text-align: center; padding: .1rem; min-width: 2.4rem; border: 1px solid var(--paper); }
.answers { display: grid; gap: 0 1rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }
.question { border: 2px solid var(--wrong); padding: .5rem 1rem; max-width: 40rem; }
.scroll { overflow-x: auto; max-width: 100%; }
.map { height: 26rem; max-height: 70vh; background: #f4f4f4; border: 1px solid var(--edge); z-index: 0; }
.leaflet-tooltip.rank { background: none; border: 0; box-shadow: none; color: #fff; font-weight: 600; padding: 0; }
.q-btn, .q-tab { text-transform: none; }
.q-tab { min-width: 0; padding: 0 .6rem; }
.q-field { width: 100%; }
.q-tab-panel { padding: .5rem 0; gap: .5rem; align-items: stretch; }
.q-tab-panels { background: transparent; }
#q-loading-bar { display: none; }
.main { background: var(--blue) !important; color: var(--on-blue) !important; }
.other { color: var(--blue) !important; padding: 0 .6rem; }
.q-field__label, .q-field__native, .q-checkbox__label, .q-toggle__label { color: var(--ink) !important; }
span.place { text-decoration: underline dotted var(--faint); text-underline-offset: 3px; }
.plain:is(input, button) { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--edge);
  padding: .25rem .5rem; max-width: 100%; }
.map .leaflet-control a { color: #14508c; }
"""
