from __future__ import annotations

import csv
import datetime as dt
import io
import json

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

#: Sixty days around two ends of a month.
MADE = {"org_id": 4321, "plans": (1, 2), "days": 60, "last_day": dt.date(2026, 3, 1)}


def make(seed=1, part_bytes=0, **changes):
    return list(made_up_reports(seed=seed, part_bytes=part_bytes, **{**MADE, **changes}))


def rows_of(report):
    for number in range(1, report.part_count + 1):
        text = b"".join(report.part(number).read()).decode()
        yield from csv.DictReader(io.StringIO(text, newline=""))


def test_there_is_every_kind_of_report():
    made = make()
    kinds = {(report.plan_id, report.report_type, report.cadence) for report in made}
    assert len(kinds) == 8
    assert {report.part_count for report in made if report.report_type == "detailed"} == {
        1,
        2,
        3,
        4,
    }
    assert {report.part_count for report in made if report.report_type == "summary"} == {1}
    assert {report.has_footprint for report in made if report.report_type == "detailed"} == {
        True,
        False,
    }
    assert len({report.report_id for report in made}) == len(made)


def test_a_month_is_reported_when_it_has_ended():
    months = {(r.first_day, r.last_day) for r in make() if r.cadence == "monthly"}
    assert months == {
        (dt.date(2026, 1, 1), dt.date(2026, 1, 31)),
        (dt.date(2026, 2, 1), dt.date(2026, 2, 28)),
    }


def test_the_same_seed_makes_the_same_reports():
    first, second, other = make(days=5), make(days=5), make(seed=2, days=5)
    assert first == second
    assert [b"".join(r.part(1).read()) for r in first] == [
        b"".join(r.part(1).read()) for r in second
    ]
    assert {r.report_id for r in first}.isdisjoint(r.report_id for r in other)


def test_what_a_report_says_of_itself_is_true():
    for report in make(days=4):
        described = Report.from_dict(report.describe("https://api.example/reports/v1"))
        rows = list(rows_of(report))
        assert described.num_rows == len(rows)
        assert len(described.contents) == report.part_count
        assert all(("footprint" in row) is described.has_footprint for row in rows)
        day = "date" if report.report_type == "summary" else "downloaded_at"
        for row in rows:
            assert described.data_date_start <= row[day][:10] <= described.data_date_end
            assert row.get("footprint", "{}") == json.dumps(json.loads(row.get("footprint", "{}")))


def test_cells_are_as_awkward_as_in_real_life():
    notes = [row["note"] for r in make(days=9) if r.report_type == "detailed" for row in rows_of(r)]
    assert any("\n" in note for note in notes)
    assert any('"' in note for note in notes)
    assert any("," in note for note in notes)


def test_parts_can_be_made_as_large_as_needed_and_read_from_any_byte():
    report = next(r for r in make(days=1, part_bytes=3_000_000) if r.report_type == "detailed")
    part = report.part(1)
    whole = b"".join(part.read())
    assert len(whole) == len(part) >= 3_000_000
    assert report.num_rows == len(list(rows_of(report)))
    for start in (0, 1, len(part.header), len(part.header) + 1, 1_234_567, len(whole)):
        assert b"".join(part.read(start)) == whole[start:]
