"""Writes the report as one HTML page without scripts, links or other files."""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from cli.explain.error_catalog import remedy
from cli.output.printing import in_words
from cli.report.drawings import STATE_COLOURS, draw_days, draw_map, legend_of_outcomes
from cli.report.facts import Facts
from shared.basics.clock import parse_timestamp
from shared.records.status_rows import ItemStatus

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.when { margin: 0; opacity: .7; }
ul.tiles { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; list-style: none; }
ul.tiles li { background: var(--soft); border-left: .3rem solid; padding: .4rem .8rem; min-width: 6rem; }
ul.tiles b { display: block; font-size: 1.3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; background: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: .5; } svg .degree { font-size: 10px; fill: currentColor; opacity: .7; }
svg .footprint { fill-opacity: .25; stroke-width: 1; }
ul.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; list-style: none; font-size: .9rem; }
ul.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; vertical-align: middle; }
.bad { color: #d55e00; font-weight: 600; }
"""


def write_page(facts: Facts) -> str:
    """Writes the page.

    Args:
        facts: what it shows.

    Returns:
        The whole page, HTML 5 in UTF-8.
    """
    sections = (
        _totals(facts),
        _map(facts),
        _days(facts),
        _collections(facts),
        _failures(facts),
        _sources(facts),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>GeoCatalog ingestion</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>GeoCatalog ingestion</h1>\n<p class="when">As of {_moment(facts.at)}</p>\n'
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def _totals(facts: Facts) -> str:
    totals = facts.overview.totals
    tiles = [
        f'<li style="border-color: {STATE_COLOURS[state]}"><b>{totals.get(state.value, 0):,}</b>{state}</li>'
        for state in ItemStatus
        if totals.get(state.value) or state in {ItemStatus.SUCCEEDED, ItemStatus.FAILED}
    ]
    queued = {name: depth for name, depth in facts.overview.queues.items() if depth}
    shown = ", ".join(f"{escape(name)} {depth:,}" for name, depth in queued.items()) or "all empty"
    return (
        f'<section id="totals"><ul class="tiles">{"".join(tiles)}</ul>'
        f"<p>Queues: {shown}. Dead letters: {facts.overview.deadletters:,}.</p></section>"
    )


def _map(facts: Facts) -> str:
    states = {footprint.state for footprint in facts.footprints}
    legend = _legend({state.value: colour for state, colour in STATE_COLOURS.items() if state in states})
    more = f"<p>{facts.left_out:,} more are not drawn.</p>" if facts.left_out else ""
    empty = "" if facts.footprints else "<p>No item has an outline yet.</p>"
    return f'<section id="map"><h2>Footprints</h2>{draw_map(facts.footprints)}{legend}{more}{empty}</section>'


def _days(facts: Facts) -> str:
    if not facts.days:
        return '<section id="days"><h2>Outcomes by day</h2><p>No operation has ended yet.</p></section>'
    legend = _legend(legend_of_outcomes(facts.days))
    return f'<section id="days"><h2>Outcomes by day</h2>{draw_days(facts.days)}{legend}{_WHAT_IS_COUNTED}</section>'


_WHAT_IS_COUNTED = (
    "<p>Counted are GeoCatalog's operations by the day they ended, UTC. What never became one is not: items that were "
    "unchanged, skipped, superseded or refused before they were submitted. The failures below have those too.</p>"
)


def _legend(colours: dict[str, str]) -> str:
    entries = (
        f'<li><i style="background: {colour}"></i>{escape(name)}</li>' for name, colour in sorted(colours.items())
    )
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _collections(facts: Facts) -> str:
    rows = []
    for name, counts in sorted(facts.overview.collections.items()):
        fresh = facts.freshness.get(name)
        rows.append(
            [
                escape(name),
                f"{counts.items[ItemStatus.SUCCEEDED]:,}",
                f"{counts.items[ItemStatus.FAILED]:,}",
                f"{counts.open_operations:,}",
                _ago(_parsed(counts.newest_datetime), facts.at),
                _ago(fresh, facts.at),
            ]
        )
    headings = ["Collection", "Succeeded", "Failed", "Open operations", "Newest scene", "Last ingested"]
    return f'<section id="collections"><h2>Collections</h2>{_table(headings, rows, numbers={1, 2, 3})}</section>'


def _failures(facts: Facts) -> str:
    if not facts.failures:
        return '<section id="failures"><h2>Failures</h2><p>Nothing has failed.</p></section>'
    rows = [
        [
            f'<span class="bad">{escape(group.code)}</span>',
            f"{group.count:,}",
            f"{escape(group.example)}<br>{escape(group.message)}",
            escape(remedy(group.code)),
        ]
        for group in facts.failures
    ]
    headings = ["Code", "Count", "For example", "What to do"]
    return f'<section id="failures"><h2>Failures</h2>{_table(headings, rows, numbers={1})}</section>'


def _sources(facts: Facts) -> str:
    if not facts.sources:
        return '<section id="sources"><h2>Ingestion sources</h2><p>There is none.</p></section>'
    rows = [
        [escape(source.container_url), escape(source.kind), escape(source.in_words(facts.at))]
        for source in facts.sources
    ]
    table = _table(["Container", "Kind", "Time left"], rows)
    return f'<section id="sources"><h2>Ingestion sources</h2>{table}</section>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """Writes a table; the cells are HTML already."""
    right = set(numbers)
    css = [' class="number"' if index in right else "" for index in range(len(headings))]
    head = "".join(f"<th{style}>{escape(heading)}</th>" for style, heading in zip(css, headings, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{style}>{cell}</td>" for style, cell in zip(css, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _ago(moment: dt.datetime | None, now: dt.datetime) -> str:
    return f"{_moment(moment)}<br>{in_words(now - moment)} ago" if moment else "—"


def _parsed(text: str | None) -> dt.datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None
