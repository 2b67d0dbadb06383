"""What every warehouse promises: each landed report once, whole, whatever is in it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_planet_reports.landing.content.rows import CSVRows
from airflow_provider_planet_reports.warehouse import csv_files, load_reports
from airflow_provider_planet_reports.warehouse.errors import WarehouseError


def archive_of(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("in/", b"")
        for name, content in members.items():
            archive.writestr(f"in/{name}.csv", content)
    return data.getvalue()


def reasons(outcome):
    return {name: str(error) for name, error in outcome.failures}


# Once, whole, replaced


def test_a_report_is_loaded_once_with_where_its_rows_come_from(warehouse):
    warehouse.zone.land("a", b"day,n\n1,2\n3,4\n", b"day,n\n5,6\n")
    first = {"reports": 1, "rows": 3, "tables": {"summary_daily": 3}}
    assert warehouse.load().to_dict() == first
    assert warehouse.load().to_dict() == {"reports": 0, "rows": 0, "tables": {}}
    assert warehouse.loaded() == ["a"]
    day = dt.date(2026, 11, 1)
    assert warehouse.rows("_report_id, _plan_id, _data_date, _row, _fields, day, n") == [
        ("a", "7", day, 1, 2, "1", "2"),
        ("a", "7", day, 2, 2, "3", "4"),
        ("a", "7", day, 3, 2, "5", "6"),
    ]


def test_what_was_landed_long_ago_and_never_loaded_is_loaded_by_the_next_load(warehouse):
    for number in range(3):
        warehouse.zone.land(f"{number}", b"n\n1\n", day=f"2020-01-0{number + 1}")
    assert warehouse.load(start="2020-01-03").reports == 1
    assert warehouse.load().reports == 2
    assert warehouse.loaded() == ["0", "1", "2"]


def test_a_report_that_is_landed_anew_takes_the_place_of_its_old_rows(warehouse):
    warehouse.zone.land("a", b"n\n1\n2\n")
    warehouse.zone.land("b", b"n\n8\n")
    warehouse.load()
    warehouse.zone.land("a", b"n\n3\n", overwrite=True)
    assert warehouse.load().to_dict() == {
        "reports": 1, "rows": 1, "tables": {"summary_daily": 1}
    }  # fmt: skip
    assert warehouse.rows("_report_id, n") == [("a", "3"), ("b", "8")]
    warehouse.zone.land("a", b"", overwrite=True)
    warehouse.load()
    assert warehouse.rows("_report_id, n") == [("b", "8")]
    assert warehouse.ask("SELECT report_id, rows FROM loaded_reports ORDER BY 1") == [
        ("a", 0), ("b", 1)
    ]  # fmt: skip


def test_reports_that_share_an_id_are_two(warehouse):
    warehouse.zone.land("a", b"n\n1\n", plan_id=1)
    warehouse.zone.land("a", b"n\n2\n", plan_id=2)
    warehouse.load()
    warehouse.zone.land("a", b"n\n3\n", plan_id=2, overwrite=True)
    warehouse.load()
    assert sorted(warehouse.rows("_plan_id, n")) == [("1", "1"), ("2", "3")]


def test_a_removed_report_is_named_and_its_rows_go_only_when_asked(warehouse, caplog):
    receipt = warehouse.zone.land("a", b"n\n1\n")
    warehouse.zone.land("b", b"n\n2\n", day="2026-11-02")
    warehouse.load()
    (warehouse.zone.root / receipt.key.receipt).unlink()
    assert warehouse.load(start="2026-11-02").missing == []
    caplog.clear()
    assert warehouse.load().missing == ["a"]
    assert "Loaded and not landed any more: 1 report;" in caplog.text
    assert warehouse.rows("n") == [("1",), ("2",)]
    assert warehouse.load(remove_missing=True).missing == ["a"]
    assert (warehouse.rows("n"), warehouse.loaded()) == ([("2",)], ["b"])


def test_reports_of_another_landing_zone_are_not_missing_in_this_one(warehouse, tmp_path):
    warehouse.zone.land("a", b"n\n1\n")
    warehouse.load()
    another = type(warehouse.zone)(tmp_path / "another")
    another.land("b", b"n\n2\n")
    outcome = load_reports(another.url, warehouse.url, remove_missing=True)
    assert (outcome.reports, outcome.missing) == (1, [])
    assert warehouse.load(remove_missing=True).missing == []
    assert warehouse.rows("n") == [("1",), ("2",)]


def test_only_what_is_asked_for_is_loaded(warehouse):
    for plan in (1, 2):
        for org in (5, 6):
            warehouse.zone.land(f"{plan}{org}", b"n\n1\n", plan_id=plan, org_id=org)
    warehouse.zone.land("m", b"n\n1\n", cadence="monthly")
    warehouse.load(plan_id="01", org_id="005", cadence="daily")
    assert warehouse.loaded() == ["15"]
    warehouse.load(except_reports=["26"])
    assert warehouse.loaded() == ["15", "16", "25", "m"]


# One bad report does not stop the others


def test_bad_reports_are_named_and_the_others_loaded(warehouse):
    for number in range(5):
        warehouse.zone.land(f"good{number}", b"n,usage\n1,2\n")
    torn = warehouse.zone.land("torn", b"n,usage\n1,2\n")
    (warehouse.zone.root / torn.files[0].name).write_bytes(b"n,usage\n1,3\n")
    gone = warehouse.zone.land("gone", b"n,usage\n1,2\n")
    (warehouse.zone.root / gone.files[0].name).unlink()
    warehouse.zone.land("wide", ",".join(f"c{n}" for n in range(1700)).encode() + b"\n1\n")
    warehouse.zone.land("lacking", b"n\n1\n")
    outcome = warehouse.load(required_columns=["n", "USAGE"])
    found = reasons(outcome)
    assert found["torn"].startswith("A file has other bytes than its receipt says: run `verify`")
    assert found["gone"].startswith("A file is missing that the receipt names: run `verify`")
    assert found["lacking"].startswith("Column 'USAGE' is missing: check required_columns")
    assert found["wide"].startswith("Column 'n' is missing")
    assert warehouse.loaded() == [f"good{number}" for number in range(5)]


def test_a_report_that_the_database_refuses_is_named_and_the_others_loaded(postgres_warehouse):
    for number in range(5):
        postgres_warehouse.zone.land(f"{number}", b"n\n1\n")
    too_wide = ",".join(f"c{n}" for n in range(1700)).encode()
    postgres_warehouse.zone.land("wide", too_wide + b"\n" + too_wide + b"\n")
    outcome = postgres_warehouse.load()
    assert outcome.reports == 5
    assert reasons(outcome)["wide"].startswith("The warehouse refused report 'wide'")
    assert postgres_warehouse.loaded() == ["0", "1", "2", "3", "4"]


def test_a_warehouse_that_takes_fewer_rows_takes_none(warehouse, monkeypatch):
    warehouse.zone.land("a", b"n\n1\n2\n")
    kind = type(warehouse_of(warehouse))
    monkeypatch.setattr(kind, "add_rows", lambda *_: None)
    outcome = warehouse.load()
    assert "The warehouse took 0 rows, the receipt says 2." in reasons(outcome)["a"]
    assert warehouse.loaded() == []


def warehouse_of(warehouse):
    from airflow_provider_planet_reports.warehouse.opening import open_warehouse

    database = open_warehouse(warehouse.url)
    database.close()
    return database


def test_a_report_that_is_landed_anew_while_it_is_fetched_is_loaded_as_it_is_then(
    warehouse, monkeypatch
):
    from airflow_provider_planet_reports.landing.stores.local import LocalStore

    zone, stream = warehouse.zone, LocalStore.stream
    zone.land("a", b"n\n1\n")
    landed_again = []

    def late(self, key):
        if key.endswith(".csv") and not landed_again:
            landed_again.append(zone.land("a", b"n\n2\n", overwrite=True))
        return stream(self, key)

    monkeypatch.setattr(LocalStore, "stream", late)
    assert warehouse.load().failures == []
    assert warehouse.rows("n") == [("2",)]


# Columns and rows


def test_columns_come_from_the_files_and_none_is_lost(warehouse):
    warehouse.zone.land("a", b"old,shared\n1,2\n")
    warehouse.load()
    warehouse.zone.land("b", b"shared,new\n3,4\n")
    warehouse.zone.land("c", b"shared\n5\n")
    warehouse.zone.land("d", b"x,shared\n1,2\n", b"shared,z\n3,4\n", b"Z,X,Shared\n5,6,7\n")
    warehouse.load()
    assert warehouse.rows("_report_id, old, shared, new, x, z") == [
        ("a", "1", "2", None, None, None),
        ("b", None, "3", "4", None, None),
        ("c", None, "5", None, None, None),
        ("d", None, "2", None, "1", None),
        ("d", None, "3", None, None, "4"),
        ("d", None, "7", None, "6", "5"),
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b'"a ""b"" \'c\'; --",n%s', ["a \"b\" 'c'; --", "n%s"]),
        (b"n,n,N, ,_row,_REPORT_ID", ["n", "n_2", "N_3", "column_4", "_row_2", "_REPORT_ID_2"]),
        (b"xmin,CTID,oid,order", ["xmin_2", "CTID_2", "oid_2", "order"]),
        (b"\xef\xbb\xbfn", ["n"]),
        ("Fläche (km²)".encode(), ["Fläche (km²)"]),
        (b"%s1,%s2" % (b"x" * 70, b"x" * 70), ["x" * 63, "x" * 61 + "_2"]),
    ],
)
def test_any_header_makes_columns(warehouse, header, names):
    row = ",".join(map(str, range(len(names)))).encode()
    warehouse.zone.land("a", header + b"\n" + row + b"\n")
    assert warehouse.load().failures == []
    quoted = ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)
    assert warehouse.rows(quoted) == [tuple(map(str, range(len(names))))]


def test_text_stays_as_it_is(warehouse):
    text = (
        b'n,note\r\n007,"two\nlines,\r and a ""quote"""\r\n# no comment,1e3\r\n\\N,\\.\r\n"",NULL\n'
    )
    warehouse.zone.land("a", text)
    warehouse.load()
    assert warehouse.rows("n, note") == [
        ("007", 'two\nlines,\r and a "quote"'),
        ("# no comment", "1e3"),
        ("\\N", "\\."),
        (None, "NULL"),
    ]


def test_closing_lines_of_information_survive(warehouse):
    warehouse.zone.land("a", b"day,n\n1,2\n\nGenerated by Planet\nfor,support,only,\n")
    warehouse.load()
    assert warehouse.rows("day, n, _fields, _more") == [
        ("1", "2", 2, None),
        ("Generated by Planet", None, 1, None),
        ("for", "support", 3, '["only"]'),
    ]


def test_what_is_no_text_is_written_as_an_escape(warehouse):
    warehouse.zone.land("a", b"n,m\ncaf\xe9,a\0b\n")
    warehouse.load()
    assert warehouse.rows("n, m") == [("caf\\xe9", "a\\x00b")]


@pytest.mark.parametrize("odd", [b"", b"\xe9"], ids=["as they are", "rewritten"])
def test_fields_may_be_long(warehouse, odd):
    warehouse.zone.land("a", b'n\n"%s"\n' % (b"x\n" * 2_000_000 + odd))
    assert warehouse.load().failures == []
    assert warehouse.rows("length(n)") == [(4_000_000 + 4 * len(odd),)]


def test_compressed_files_are_loaded_too(warehouse):
    text = b"n\n1\n2\n"
    warehouse.zone.land("a", gzip.compress(text))
    warehouse.zone.land("b", gzip.compress(text[:4]) + gzip.compress(text[4:]))
    warehouse.zone.land("c", archive_of(one=text, two=b"n,m\n3,4\n"))
    assert warehouse.load().failures == []
    assert warehouse.rows("_report_id, n, _row") == [
        ("a", "1", 1), ("a", "2", 2), ("b", "1", 1), ("b", "2", 2),
        ("c", "1", 1), ("c", "2", 2), ("c", "3", 3),
    ]  # fmt: skip


@given(data=st.binary() | st.text(st.sampled_from('a,"\n\r é\ufeff')).map(str.encode))
def test_rows_are_counted_as_when_they_are_landed(data):
    counter = CSVRows()
    counter.update(data)
    read = list(csv_files._records(io.BytesIO(data)))
    assert max(len(read) - 1, 0) == counter.rows()


def test_the_fast_way_reads_what_the_careful_way_reads(warehouse, monkeypatch):
    """Each of many odd files is read in both ways: the values are the same."""
    chance, pieces = (
        random.Random(7),
        ["a", ",", ",", '"', '""', "\n", "\r\n", " ", "é", "'", "\\."],
    )
    for number in range(120):
        body = "".join(chance.choices(pieces, k=chance.randint(0, 25)))
        day = dt.date(2020, 1, 1) + dt.timedelta(days=number)
        warehouse.zone.land(f"{number:03}", f"x,y\n{body}".encode(), day=day.isoformat())
    assert warehouse.load().failures == []
    fast = warehouse.rows("_report_id, _row, _fields, _more, x, y")
    warehouse.ask("DELETE FROM loaded_reports")
    warehouse.ask("DROP TABLE summary_daily CASCADE")
    monkeypatch.setattr(csv_files, "_is_plain", lambda *_: False)
    assert warehouse.load().failures == []
    assert warehouse.rows("_report_id, _row, _fields, _more, x, y") == fast


# Several at a time, and after a kill


def test_loads_at_the_same_time_load_each_report_once(postgres_warehouse):
    for number in range(12):
        postgres_warehouse.zone.land(f"{number:02}", b"n,c%d\n%s" % (number, b"1,2\n" * 50))
    start = threading.Barrier(4)

    def load(_):
        start.wait()
        return postgres_warehouse.load().rows

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(load, range(4))) == 12 * 50
    assert postgres_warehouse.ask(
        "SELECT count(*), count(DISTINCT _report_id), sum(c3::int) FROM summary_daily"
    ) == [(600, 12, 100)]


def test_a_file_in_use_is_waited_for_and_its_user_named(duckdb_warehouse, monkeypatch, caplog):
    from airflow_provider_planet_reports.warehouse import duckdb

    duckdb_warehouse.zone.land("a", b"n\n1\n")
    path = duckdb_warehouse.url.removeprefix("duckdb://")
    holds = f"import duckdb; db = duckdb.connect({path!r}); print(1, flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", holds], stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline()
        monkeypatch.setattr(duckdb, "PATIENCE", 0.0)
        named = (
            rf"^DuckDB file in use for 0 s: end the .* open, \S*python\S* \(PID {other.pid}\)\. "
        )
        with pytest.raises(WarehouseError, match=named):
            duckdb_warehouse.load()
        monkeypatch.setattr(duckdb, "PATIENCE", 600.0)
        monkeypatch.setattr(duckdb.time, "sleep", lambda _: other.communicate(b"\n"))
        assert duckdb_warehouse.load().reports == 1
    assert f"(PID {other.pid}); waiting up to 600 s." in caplog.text


_DIES_BEFORE_IT_COMMITS = """
import sys
from airflow_provider_planet_reports.warehouse import load_reports
from airflow_provider_planet_reports.warehouse.database import Database

def stop(*_):
    print("rows are added", flush=True)
    input()

Database._write = stop
load_reports(sys.argv[1], sys.argv[2])
"""


def test_a_killed_load_leaves_no_rows_and_its_files_go_with_the_next(
    warehouse, tmp_path, monkeypatch
):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    warehouse.zone.land("a", b"n\n1\n2\n")
    command = [sys.executable, "-c", _DIES_BEFORE_IT_COMMITS, warehouse.zone.url, warehouse.url]
    pipe, environment = subprocess.PIPE, {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as other:
        assert any(b"rows are added" in line for line in other.stdout)
        load_reports(warehouse.zone.url, f"duckdb://{tmp_path}/another.duckdb")
        assert len([*place.rglob("*.csv")]) == 1, "its process is alive, and needs its files"
        other.send_signal(signal.SIGKILL)
    assert warehouse.load().to_dict()["rows"] == 2
    assert [*place.iterdir()] == []
    assert warehouse.rows("n") == [("1",), ("2",)]


def test_psycopg2_loads_too(postgres_warehouse, monkeypatch):
    from airflow.providers.postgres.hooks import postgres

    pytest.importorskip("psycopg2")
    monkeypatch.setattr(postgres, "USE_PSYCOPG3", False, raising=False)
    postgres_warehouse.zone.land("a", b"n,m%\n1,\n")
    assert postgres_warehouse.load().rows == 1
    postgres_warehouse.zone.land("a", b"n\n2\n3\n", overwrite=True)
    assert postgres_warehouse.load().rows == 2
    assert postgres_warehouse.rows("n") == [("2",), ("3",)]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("duckdb://relative.duckdb", "must have an absolute path with three slashes"),
        ("duckdb:relative.duckdb", "must have an absolute path with three slashes"),
        ("postgres://user:secret@host/db", "warehouse has a host or a password in its URL"),
        ("postgres:///schema", "warehouse names 0 connections: name one"),
        ("oracle://x", "warehouse has no known scheme"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused(zone, url, message):
    from airflow_provider_planet_reports.errors import InvalidInput

    with pytest.raises(InvalidInput, match=message) as caught:
        load_reports(zone.url, url)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_away_is_worth_a_retry(postgres_warehouse, monkeypatch, postgres):
    import json

    from servers import free_port

    away = {**postgres.connection, "port": free_port()}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(away))
    postgres_warehouse.url = "postgres://away@/usage"
    with pytest.raises(WarehouseError, match=r"^Connection failed: check connection 'away'") as met:
        postgres_warehouse.load()
    assert not met.value.final
    assert postgres.password not in str(met.value)
