"""The dlt source, with dlt's own DuckDB and PostgreSQL destinations."""

from __future__ import annotations

import pytest

from airflow_provider_planet_reports.warehouse.dlt import planet_reports

dlt = pytest.importorskip("dlt", reason="needs the extra dlt")


@pytest.fixture(params=["duckdb", "postgres"])
def run(request, zone, tmp_path):
    """Load what is landed, in a new pipeline each time, and return rows of a query."""
    if request.param == "duckdb":
        destination = dlt.destinations.duckdb(str(tmp_path / "dlt.duckdb"))
    else:
        login = request.getfixturevalue("postgres").connection
        destination = dlt.destinations.postgres(
            f"postgresql://postgres:{login['password']}@127.0.0.1:{login['port']}/postgres"
        )
    made = []

    def run(sql, **filters):
        folder = tmp_path / f"pipelines-{len(made)}"  # its state is at the destination
        pipeline = dlt.pipeline(
            "usage", destination=destination, dataset_name="dlt_usage", pipelines_dir=str(folder)
        )
        made.append(pipeline)
        pipeline.run(planet_reports(zone.url, **filters))
        with pipeline.sql_client() as client:
            return [tuple(row) for row in client.execute_sql(sql)]

    yield run
    with made[0].sql_client() as client:
        client.drop_dataset()


ROWS = "SELECT _report_id, _row, n FROM summary_daily WHERE _row > 0 ORDER BY 1, 2"


def test_each_report_is_loaded_once_and_replaced_when_it_is_landed_anew(zone, run):
    zone.land("a", b"n\n1\n2\n")
    zone.land("b", b"n,new\nj\xfcrgen,\n", day="2026-11-02")
    assert run(ROWS) == [("a", 1, "1"), ("a", 2, "2"), ("b", 1, "j\\xfcrgen")]
    zone.land("a", b"n,later\n3,x\n", overwrite=True)
    zone.land("c", b"n\n5\n", report_type="detailed")
    assert run(ROWS) == [("a", 1, "3"), ("b", 1, "j\\xfcrgen")]
    assert run("SELECT n FROM detailed_daily WHERE _row > 0") == [("5",)]
    zone.land("a", b"", overwrite=True)
    assert run(ROWS) == [("b", 1, "j\\xfcrgen")]
    assert run("SELECT count(*) FROM summary_daily") == [(3,)]


@pytest.mark.slow
def test_five_hundred_reports_are_loaded_once_and_on_the_disk_one_at_a_time(zone, run, monkeypatch):
    from airflow_provider_planet_reports.warehouse import dlt as source

    fetched, fetch = [], source.fetch

    def noted(zone, receipt, place):
        assert [*place.parent.iterdir()] == []
        fetched.append(receipt.report_id)
        return fetch(zone, receipt, place)

    monkeypatch.setattr(source, "fetch", noted)
    for number in range(500):
        zone.land(f"{number:03}", b"n\n%d\n" % number, b"n\n1000\n", plan_id=number % 4)
    count = "SELECT count(*), sum(CAST(n AS INTEGER)) FROM summary_daily WHERE _row > 0"
    assert run(count) == [(1000, 500 * 499 / 2 + 500 * 1000)]
    zone.land("007", b"n\n0\n", plan_id=3, overwrite=True)
    assert run(count) == [(999, 500 * 499 / 2 + 499 * 1000 - 7)]
    assert sorted(fetched) == sorted([*(f"{number:03}" for number in range(500)), "007"])


def test_a_torn_report_is_named_and_the_others_loaded(zone, run, caplog):
    torn = zone.land("torn", b"n\n1\n")
    zone.land("good", b"n\n2\n")
    path = zone.root / torn.files[0].name
    path.write_bytes(b"n\n9\n")
    assert run(ROWS) == [("good", 1, "2")]
    assert "Report 'torn' is not loaded: A file has other bytes than its receipt" in caplog.text
    path.write_bytes(b"n\n1\n")
    assert run(ROWS) == [("good", 1, "2"), ("torn", 1, "1")]
