"""What every warehouse of the examples promises, and what each does in its own way."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import random
import threading
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_planet_reports.landing.content.rows import CSVRows
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


@pytest.fixture
def landed(tmp_path):
    def write(report_id, *contents, name="part.csv", rows=None, **changed):
        files = []
        for number, content in enumerate(contents):
            path = tmp_path / f"{report_id}-{number}-{name}"
            path.write_bytes(content)
            counter = CSVRows()
            counter.update(content)
            files.append(
                {
                    "uri": path.as_uri(),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "rows": (None if name.endswith(".zip") else counter.rows())
                    if rows is None
                    else rows,
                }
            )
        return {
            "report_id": report_id,
            "report_type": "summary",
            "cadence": "daily",
            "data_date_start": "2026-11-01",
            "plan_id": 7,
            "files": files,
            **changed,
        }

    return write


def table(warehouse, columns, name="summary_daily"):
    return warehouse.ask(f"SELECT {columns} FROM {name} ORDER BY _report_id, _row")


def archive_of(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("in/", b"")
        for name, content in members.items():
            archive.writestr(f"in/{name}.csv", content)
    return data.getvalue()


# Once, whole, replaced


def test_a_report_is_loaded_once(warehouse, landed):
    report = landed("a", b"day,n\n1,2\n3,4\n", b"day,n\n5,6\n")
    assert warehouse.loaded() == set()
    assert warehouse.load([report]) == {"summary_daily": 3}
    assert warehouse.load([report]) == {}
    assert warehouse.loaded() == {"a"}
    day = dt.date(2026, 11, 1)
    assert table(warehouse, "_report_id, _data_date, _plan_id, _row, day, n") == [
        ("a", day, "7", 1, "1", "2"),
        ("a", day, "7", 2, "3", "4"),
        ("a", day, "7", 3, "5", "6"),
    ]


def test_another_edition_takes_the_place_of_the_old_rows(warehouse, landed):
    warehouse.load([landed("a", b"n\n1\n2\n"), landed("b", b"n\n8\n")])
    assert warehouse.load([landed("a", b"n\n3\n")]) == {"summary_daily": 1}
    assert table(warehouse, "_report_id, n") == [("a", "3"), ("b", "8")]
    assert warehouse.ask("SELECT report_id, rows FROM loaded_reports ORDER BY report_id") == [
        ("a", 1),
        ("b", 1),
    ]


def test_another_edition_may_belong_into_another_table(warehouse, landed):
    warehouse.load([landed("a", b"n\n1\n")])
    warehouse.load([landed("a", b"n\n2\n", cadence="monthly")])
    assert table(warehouse, "n") == []
    assert table(warehouse, "n", "summary_monthly") == [("2",)]


def test_what_fails_changes_nothing_and_is_loaded_by_the_next_run(warehouse, landed):
    warehouse.load([landed("a", b"n\n1\n")])
    good, bad = landed("b", b"n\n5\n"), landed("a", b"n,more\n2,3\n", rows=2)
    with pytest.raises(ValueError, match="has 1 rows, but the receipt says 2"):
        warehouse.load([good, bad])
    assert table(warehouse, "_report_id, n") == [("a", "1"), ("b", "5")]
    bad["files"][0]["rows"] = 1
    assert warehouse.load([good, bad]) == {"summary_daily": 1}
    assert table(warehouse, "_report_id, n, more") == [("a", "2", "3"), ("b", "5", None)]


def test_a_warehouse_that_takes_fewer_rows_takes_none(warehouse, landed, monkeypatch):
    import duckdb_warehouse
    import postgres_warehouse
    from landed_rows import incoming

    @contextmanager
    def one_more(*words):
        with incoming(*words) as new:
            yield replace(new, rows=new.rows + 1)

    for module in (duckdb_warehouse, postgres_warehouse):
        monkeypatch.setattr(module, "incoming", one_more)
    with pytest.raises(ValueError, match="the warehouse took 2 rows, but the receipt says 3"):
        warehouse.load([landed("a", b"n\n1\n2\n")])
    assert warehouse.loaded() == set()


def test_a_file_that_is_not_what_was_landed_is_not_loaded(warehouse, landed, tmp_path):
    report = landed("a", b"n\n1\n")
    (tmp_path / "a-0-part.csv").write_bytes(b"n\n2\n")
    with pytest.raises(ValueError, match=r"a-0-part\.csv has other bytes than its receipt says"):
        warehouse.load([report])
    assert warehouse.loaded() == set()


# Columns


def test_columns_come_from_the_files_and_none_is_lost(warehouse, landed):
    warehouse.load([landed("a", b"old,shared\n1,2\n")])
    warehouse.load([landed("b", b"shared,new\n3,4\n")])
    warehouse.load([landed("c", b"shared\n5\n")])
    assert table(warehouse, "_report_id, old, shared, new") == [
        ("a", "1", "2", None),
        ("b", None, "3", "4"),
        ("c", None, "5", None),
    ]


def test_files_of_one_report_may_have_different_columns(warehouse, landed):
    warehouse.load([landed("a", b"x,y\n1,2\n", b"y,z\n3,4\n", b"Y,X\n5,6\n")])
    assert table(warehouse, "x, y, z") == [("1", "2", None), (None, "3", "4"), ("6", "5", None)]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b'"a ""b"" \'c\'; --",n%s', ["a \"b\" 'c'; --", "n%s"]),
        (b"n,n,N, ,_row,_REPORT_ID", ["n", "n_2", "N_3", "column_4", "_row_2", "_REPORT_ID_2"]),
        (b"\xef\xbb\xbfn", ["n"]),
        ("Fläche (km²)".encode(), ["Fläche (km²)"]),
        (b"%s1,%s2" % (b"x" * 70, b"x" * 70), ["x" * 63, "x" * 61 + "_2"]),
    ],
)
def test_any_header_makes_columns(warehouse, landed, header, names):
    width = len(names)
    row = ",".join(map(str, range(width))).encode()
    warehouse.load([landed("a", header + b"\n" + row + b"\n")])
    quoted = ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)
    assert table(warehouse, quoted) == [tuple(map(str, range(width)))]


def test_case_does_not_tell_columns_apart(warehouse, landed):
    warehouse.load([landed("a", b"Usage\n1\n")])
    warehouse.load([landed("b", b"usage\n2\n")])
    assert table(warehouse, '"Usage"') == [("1",), ("2",)]


# Rows


def test_text_stays_as_it_is(warehouse, landed):
    text = b'n,note\r\n007,"two\nlines,\r and a ""quote"""\r\n# no comment,1e3\r\n\\N,\\.\r\n'
    warehouse.load([landed("a", text)])
    assert table(warehouse, "n, note") == [
        ("007", 'two\nlines,\r and a "quote"'),
        ("# no comment", "1e3"),
        ("\\N", "\\."),
    ]


def test_types_may_change_from_report_to_report(warehouse, landed):
    for number, value in enumerate([b"1", b"2.5", b"many", b"2026-11-01"]):
        warehouse.load([landed(f"{number}", b"usage\n%s\n" % value)])
    assert table(warehouse, "usage") == [("1",), ("2.5",), ("many",), ("2026-11-01",)]


def test_closing_lines_of_information_survive(warehouse, landed):
    text = b"day,n\n1,2\n\nGenerated by Planet\nfor,support,only,\n"
    warehouse.load([landed("a", text)])
    assert table(warehouse, "day, n, _fields, _more") == [
        ("1", "2", 2, None),
        ("Generated by Planet", None, 1, None),
        ("for", "support", 4, '["only", ""]'),
    ]


@pytest.mark.parametrize("content", [b"", b"n\n", b"\n\n"])
def test_a_report_without_rows_is_loaded_too(warehouse, landed, content):
    assert warehouse.load([landed("a", content)]) == {"summary_daily": 0}
    assert warehouse.loaded() == {"a"}
    assert table(warehouse, "*") == []


def test_what_is_no_text_is_written_as_an_escape(warehouse, landed):
    warehouse.load([landed("a", b"n,m\ncaf\xe9,a\0b\n")])
    assert table(warehouse, "n, m") == [("caf\\xe9", "a\\x00b")]


def test_fields_may_be_long(warehouse, landed):
    long = "x" * 1_000_000
    warehouse.load([landed("a", f'n\n"{long}"\n'.encode())])
    assert table(warehouse, "length(n)") == [(1_000_000,)]


def test_compressed_files_are_loaded_too(warehouse, landed):
    text = b"n\n1\n2\n"
    warehouse.load(
        [
            landed("a", gzip.compress(text), name="part.csv.gz", rows=2),
            landed("b", gzip.compress(text[:4]) + gzip.compress(text[4:]), name="p.csv.gz", rows=2),
            landed("c", archive_of(one=text, two=b"n,m\n3,4\n"), name="part.zip"),
        ]
    )
    assert table(warehouse, "_report_id, n") == [
        *(("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("c", "1"), ("c", "2"), ("c", "3"))
    ]


@given(data=st.binary() | st.text(st.sampled_from('a,"\n\r é\ufeff')).map(str.encode))
def test_rows_are_counted_as_when_they_are_landed(data):
    from landed_rows import _records

    counter = CSVRows()
    counter.update(data)
    read = list(_records(io.BytesIO(data)))
    assert max(len(read) - 1, 0) == counter.rows()


# From where reports are landed


@pytest.mark.parametrize("store", ["moto", "rclone"])
def test_all_that_is_landed_in_s3_is_loaded_as_the_receipts_say(
    warehouse, sandbox, store, request, monkeypatch
):
    server = request.getfixturevalue(store)
    monkeypatch.setenv(f"AIRFLOW_CONN_{store.upper()}", json.dumps(server.connection))
    url = server.ground(store).url.replace(f"{store}@", "")
    land = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=url, destination_conn_id=store
    )
    landed = land.execute({})
    loaded = warehouse.load(landed, conn_id=store)
    rows = {}
    for report in landed:
        name = f"{report['report_type']}_{report['cadence']}"
        rows[name] = rows.get(name, 0) + sum(file["rows"] for file in report["files"])
    assert loaded == rows
    for name, expected in rows.items():
        assert warehouse.ask(f"SELECT count(*) FROM {name}") == [(expected,)]
    assert warehouse.loaded() == {report["report_id"] for report in sandbox.reports}
    assert warehouse.load(land.execute({}), conn_id=store) == {}


def test_another_edition_landed_in_s3_takes_the_place_of_the_old_one(
    warehouse, sandbox, moto, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_MOTO", json.dumps(moto.connection))
    url = moto.ground("moto").url.replace("moto@", "")

    def land(**options):
        return PlanetReportsToObjectStorageOperator(
            task_id="land", destination=url, destination_conn_id="moto", cadence="daily", **options
        ).execute({})

    warehouse.load(land(), conn_id="moto")
    made = made_up_reports(
        seed=1, org_id=sandbox.org_id, plans=(1001,), days=3, part_bytes=0,
        last_day=dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1),
    )  # fmt: skip
    daily = [report for report in made if report.cadence == "daily"]
    sandbox.publish(*(replace(report, edition=1) for report in daily))
    landed = land(overwrite=True)
    rows = {"summary_daily": 0, "detailed_daily": 0}
    for report in landed:
        rows[f"{report['report_type']}_daily"] += sum(file["rows"] for file in report["files"])
    assert warehouse.load(landed, conn_id="moto") == rows
    for name, expected in rows.items():
        assert warehouse.ask(f"SELECT count(*) FROM {name}") == [(expected,)]


# What only a server has


def test_runs_at_the_same_time_load_each_report_once(postgres_warehouse, landed):
    reports = [landed(f"{number}", b"n,c%d\n%s" % (number, b"1,2\n" * 50)) for number in range(12)]
    runs, start = 6, threading.Barrier(6)

    def run(seed):
        mine = random.Random(seed).sample(reports, len(reports))
        start.wait()
        return postgres_warehouse.load(mine).get("summary_daily", 0)

    with ThreadPoolExecutor(runs) as pool:
        loaded = list(pool.map(run, range(runs)))
    assert sum(loaded) == 12 * 50
    assert postgres_warehouse.ask(
        "SELECT count(*), count(DISTINCT _report_id), sum(c3::int) FROM summary_daily"
    ) == [(600, 12, 100)]


def test_loading_takes_no_more_memory_for_a_larger_report(postgres_warehouse, landed):
    def peak(report_id, megabytes):
        report = landed(report_id, b"n,m\n" + b"%s,1\n" % (b"x" * 100) * (megabytes * 10_000))
        tracemalloc.start()
        try:
            postgres_warehouse.load([report])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak("warm", 1)
    assert peak("large", 8) < peak("small", 1) + 2 * 2**20


def test_psycopg2_loads_too(postgres_warehouse, landed, monkeypatch):
    from airflow.providers.postgres.hooks import postgres

    pytest.importorskip("psycopg2")
    monkeypatch.setattr(postgres, "USE_PSYCOPG3", False, raising=False)
    report = landed("a", b"n,m%\n1,\n")
    assert postgres_warehouse.load([report]) == {"summary_daily": 1}
    assert postgres_warehouse.load([report]) == {}
    assert postgres_warehouse.load([landed("a", b"n\n2\n3\n")]) == {"summary_daily": 2}
    assert table(postgres_warehouse, "n") == [("2",), ("3",)]
