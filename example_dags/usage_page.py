"""The usage dashboard as one HTML page: no script, and nothing that it would have to fetch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from usage_charts import COLOURS, LACKING, Chart, colours_of
from usage_figures import Amounts, Figures, Group
from usage_freshness import Period
from usage_quota import Quota
from usage_words import DASH, in_days, joined, moment, number, percent, runs, said, shortened

#: Days that the table by day has; for a longer period it has the last ones.
DAYS_LISTED = 62
#: The policy has the browser itself refuse what the page does not need.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


# [START howto_dashboard_page]
def page(
    figures: Figures,
    drawn: dict[str, Chart],
    quota: Quota | None = None,
    *,
    title: str = "Planet usage",
    note: str = "",
    made: dt.datetime | None = None,
) -> str:
    """Return the page.

    :param figures: what it shows.
    :param drawn: the charts.
    :param quota: where it stands.
    :param title: its heading.
    :param note: a line for the reader to see first.
    :param made: when it was made, by default now.
    """
    parts = [_head(figures, title, note), _freshness(figures)]
    if drawn:
        parts += [
            _tiles(figures),
            _quota(figures, quota, drawn["running-total"]),
            _by_day(figures, drawn["usage-by-day"]),
            _by_group(figures, "Item types", "Item type", figures.item_types, drawn),
            _by_group(figures, "Users", "User", figures.users, drawn),
            _table_by_day(figures),
        ]
    else:
        parts.append(_nothing(figures))
    parts.append(_foot(figures, drawn, made or dt.datetime.now(dt.timezone.utc)))
    return _PAGE.format(title=escape(title), style=_style(), body="\n".join(parts))
    # [END howto_dashboard_page]


# Sections


def _head(figures: Figures, title: str, note: str) -> str:
    plans = sorted(figures.freshness.plans)
    whose = f" · plan{'s' * (len(plans) > 1)} {joined(plans)}" if 0 < len(plans) <= 5 else ""
    banner = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f"<header>{banner}<h1>{escape(title)}</h1>"
        f'<p class="period">{figures.period}{escape(whose)}</p></header>'
    )


def _freshness(figures: Figures) -> str:
    fresh, period = figures.freshness, figures.period
    loaded = len(fresh.days(period, "loaded"))
    whole = f"<b>{'All' if loaded == len(period) else f'{loaded} of'} {in_days(len(period))}</b>"
    lines = [("loaded" * (loaded > 0), f"{whole} {'is' if loaded == 1 else 'are'} loaded.")]
    for state in ("in part", "landed", "missing"):
        if days := fresh.days(period, state):
            says = _words(figures, state).capitalize()
            lines.append((state, f"{says}: {runs(days)}{_lacking_plans(figures, days, state)}."))
    before = fresh.days_with_figures(period.before())
    lines.append(("", f"Of the {in_days(len(period))} before, {before or 'none'} "
                      f"{'is' if before <= 1 else 'are'} loaded."))  # fmt: skip
    if fresh.loaded_at:
        lines.append(("", f"Last load: {moment(fresh.loaded_at)}."))
    strip = "".join(f'<i class="{fresh.state(day).replace(" ", "-")}"></i>' for day in period)
    told = " ".join(
        (f'<span><i class="{s.replace(" ", "-")}"></i> {t}</span>' if s else f"<span>{t}</span>")
        for s, t in lines
    )
    return (
        '<section class="fresh" aria-label="Freshness of the data">'
        f'<div class="strip{" long" * (len(period) > 62)}" aria-hidden="true">{strip}</div>'
        f'<div class="ends" aria-hidden="true"><span>{period.first:%-d %b}</span>'
        f"<span>{period.last:%-d %b}</span></div><p>{told}</p></section>"
    )


def _tiles(figures: Figures) -> str:
    now, before = figures.total.now, figures.total.before
    tiles = [
        ("Usage", now.usage, before.usage),
        ("Downloads", now.downloads, before.downloads),
        ("Area, km²", now.area, before.area),
    ]
    told = [
        f"<div><dt>{name}</dt><dd>{number(amount)}</dd>"
        f"<dd>{_change(figures, amount, earlier)}</dd></div>"
        for name, amount, earlier in tiles
        if amount is not None
    ]
    people, people_before = figures.people
    told.append(
        f"<div><dt>Users</dt><dd>{people:,}</dd><dd>{people_before or 'none'} before</dd></div>"
    )
    return f'<dl class="tiles">{"".join(told)}</dl><p class="compared">{_compared(figures)}</p>'


def _compared(figures: Figures) -> str:
    before = figures.period.before()
    days = [figures.freshness.days_with_figures(each) for each in (figures.period, before)]
    then = f"the {in_days(len(before))} before ({before})"
    if not days[1]:
        return f"Nothing to compare with: none of {then} is loaded."
    told = f"▲ ▼ compare with {then}"
    if days != [len(before)] * 2:
        told += f", by averages per loaded day: {days[0]} now, {days[1]} then"
    parts = figures.freshness.days(Period(before.first, figures.period.last), "in part")
    return f"{told}. {'Days loaded in part count as whole ones.' if parts else ''}"


def _quota(figures: Figures, quota: Quota | None, chart: Chart) -> str:
    total = number(sum(figures.running.values()))
    if quota is None:
        told = f"<b>{total}</b> since {said(figures.since)}. No quota was given to compare it with."
        return _figure("Running total", chart, told)
    share = quota.used / quota.amount
    full = min(share, 1) * 100
    bar = (
        f'<div class="quota{" over" * (share >= 1)}" aria-hidden="true">'
        f'<span style="width:{full:.1f}%"></span></div>'
    )
    told = (
        f"<b>{total} of {number(quota.amount)}</b> ({percent(share)}) since {said(quota.since)}. "
        f"{_outlook(quota)}{_doubt(quota)}"
    )
    return _figure("Running total and quota", chart, told, above=bar)


def _outlook(quota: Quota) -> str:
    if quota.used_up_on:
        over = quota.used - quota.amount
        more = f", and passed by {number(over)} since" if over > 0 else ""
        return f'<strong class="alert">It was used up on {said(quota.used_up_on)}{more}.</strong>'
    if quota.pace <= 0:
        return "Too few days are loaded for a forecast."
    pace = f"At {number(quota.pace)} a day, the average of the days shown,"
    ends, end = quota.lasts_until, quota.until
    if end and end < quota.today:
        return f"It ended on {said(end)}."
    if end and (ends is None or ends > end):
        used = quota.forecast(end)
        return (
            f"{pace} it lasts until its end on {said(end)}, with about "
            f"{percent(used / quota.amount)} used."
        )
    if ends is None:
        return f"{pace} it lasts for more than five years."
    early = f", before its end on {said(end)}" if end else ""
    return f"{pace} it is used up <strong>around {said(ends)}</strong>{early}."


def _doubt(quota: Quota) -> str:
    if not quota.days_lacking:
        return ""
    return (
        f" {in_days(quota.days_lacking).capitalize()} since then "
        f"{'is' if quota.days_lacking == 1 else 'are'} not loaded, or only in part: "
        "the true total may be higher."
    )


def _by_day(figures: Figures, chart: Chart) -> str:
    day, most = max(figures.totals.items(), key=lambda each: each[1].usage)
    days = figures.freshness.days_with_figures(figures.period)
    legend = "".join(
        f'<span><i style="background:var(--{colour})"></i> {escape(group.name)}</span>'
        for group, colour in _coloured(figures)
    )
    hatched = figures.freshness.days(figures.period, *LACKING)
    if hatched:
        legend += '<span><i class="missing"></i> not loaded</span>'
    told = (
        f"{number(figures.total.now.usage / max(days, 1))} a day on average; "
        f"most on {said(day)}: {number(most.usage)}."
    )
    return _figure("Usage by day", chart, told, above=f'<p class="legend">{legend}</p>')


def _by_group(
    figures: Figures, heading: str, what: str, groups: Sequence[Group], drawn: dict[str, Chart]
) -> str:
    chart = drawn[f"usage-by-{what.lower().replace(' ', '-')}"]
    total = figures.total.now
    columns = ["Usage", "Share", "Change", *_more_columns(total)]
    rows = []
    for group in groups:
        now, before = group.now.usage, group.before.usage
        change = f"{_change(figures, now, before)}<small>before {number(before)}</small>"
        share = percent(now / total.usage) if total.usage else DASH
        cells = [number(now), share, change, *_downloads_and_area(total, group.now)]
        rows.append((_name(group), cells))
    told = f"The mark is the usage in the {in_days(len(figures.period))} before."
    table = _table(f"{heading}, {figures.period}", [what, *columns], rows)
    return _figure(f"Usage by {what.lower()}", chart, told, beside=table)


def _table_by_day(figures: Figures) -> str:
    groups = figures.item_types if len(figures.item_types) > 1 else []
    total = figures.total.now
    item_types = [escape(shortened(group.name)) for group in groups]
    columns = ["Day", "Usage", *item_types, *_more_columns(total)]
    rows = []
    for day in list(figures.period)[: -DAYS_LISTED - 1 : -1]:
        state, sums = figures.freshness.state(day), figures.totals.get(day, Amounts())
        name = f"{day:%a %-d %b}"
        if state in LACKING:
            rows.append((name, [_words(figures, state)]))
            continue
        name += "<small>in part</small>" if state == "in part" else ""
        cells = [figures.by_day.get((day, group.key), 0.0) for group in groups]
        rows.append((name, [*map(number, (sums.usage, *cells)), *_downloads_and_area(total, sums)]))
    return (
        '<section class="days"><h2>Figures by day</h2>'
        f"{_table(f'Usage by day, {figures.period}', columns, rows)}</section>"
    )


def _nothing(figures: Figures) -> str:
    if not figures.has_table:
        why = f"The warehouse has no table <code>{escape(figures.table)}</code> yet."
    else:
        why = f"The table <code>{escape(figures.table)}</code> has no usage in these days."
    return (
        f'<section class="nothing"><h2>Nothing to show</h2><p>{why} Once reports are landed and '
        "loaded, their usage is shown here.</p></section>"
    )


def _foot(figures: Figures, drawn: dict[str, Chart], made: dt.datetime) -> str:
    lines = [_left_out(figures)] if figures.unreadable else []
    if drawn:
        lines.append("As pictures, beside this page: " + joined(f"{n}.png" for n in drawn) + ".")
    lines.append(f"From the table {escape(figures.table)}. Made {moment(made)}.")
    return "<footer>" + "".join(f"<p>{line}</p>" for line in lines) + "</footer>"


def _left_out(figures: Figures) -> str:
    values = joined(
        f"{count:,} in {escape(name)}" for name, count in sorted(figures.unreadable.items())
    )
    rows = f"{figures.left_out:,} of {figures.rows:,} rows"
    return (
        f'<strong class="alert">{rows} are in no figure</strong>, for want of a date or a usage. '
        f"Values that are no date or number: {values} "
        f"(reports of {figures.whole}). A file's closing lines are such rows, too."
    )


# Pieces


def _figure(heading: str, chart: Chart, told: str, above: str = "", beside: str = "") -> str:
    svgs = chart.svgs()
    kinds = ["wide", "narrow"] if len(svgs) > 1 else ["any"]
    drawn = "".join(
        f'<div class="{kind}">{svg}</div>' for kind, svg in zip(kinds, svgs, strict=True)
    )
    shape = ' class="pair"' if beside else ""
    return (
        f"<section{shape}><h2>{heading}</h2><figure>{above}{drawn}"
        f"<figcaption>{told}</figcaption></figure>{beside}</section>"
    )


def _table(caption: str, columns: Sequence[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + (
            f'<td class="lacking" colspan="{len(columns) - 1}">{cells[0]}</td>'
            if len(cells) == 1 < len(columns) - 1
            else "".join(f"<td>{cell}</td>" for cell in cells)
        )
        + "</tr>"
        for name, cells in rows
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{caption}"><table>'
        f'<caption class="hidden">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _coloured(figures: Figures) -> list[tuple[Group, str]]:
    colours = colours_of(figures.item_types)
    return [(group, colours[group.key]) for group in figures.item_types]


def _name(group: Group) -> str:
    name = escape(group.name)
    return (
        name if group.key in (None, group.name, "") else f"{name}<small>{escape(group.key)}</small>"
    )


def _more_columns(total: Amounts) -> list[str]:
    named = {"Downloads": total.downloads, "km²": total.area}
    return [name for name, amount in named.items() if amount is not None]


def _downloads_and_area(total: Amounts, amounts: Amounts) -> list[str]:
    cells = [] if total.downloads is None else [number(amounts.downloads or 0)]
    return cells if total.area is None else [*cells, number(amounts.area or 0)]


def _words(figures: Figures, state: str) -> str:
    """Return a state in words; what is missing may be landed where nobody looked."""
    missing = "missing" if figures.freshness.landed is not None else "not loaded"
    words = {"in part": "loaded in part", "landed": "landed, but not loaded", "missing": missing}
    return words[state]


def _lacking_plans(figures: Figures, days: Sequence[dt.date], state: str) -> str:
    if state != "in part":
        return ""
    fresh = figures.freshness
    lacking = sorted({plan for day in days for plan in fresh.plans - fresh.loaded[day]})
    return escape(f" (without plan {joined(lacking)})")


def _change(figures: Figures, now: float | None, before: float | None) -> str:
    change = figures.change(now, before)
    if change is None:
        there_were_days = figures.freshness.days_with_figures(figures.period.before())
        return "new" if there_were_days and not before else DASH
    arrow = "▲" if change >= 0.0005 else "▼" if change <= -0.0005 else "="
    return f"{arrow} {abs(change):.1%}"


def _style() -> str:
    light, dark = (
        "".join(f"--{name}:{pair[which]};" for name, pair in COLOURS.items()) for which in (0, 1)
    )
    style = Path(__file__).with_name("usage_page.css").read_text()
    return style.replace("/*light*/", light).replace("/*dark*/", dark)
