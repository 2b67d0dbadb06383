"""The command line against a sandbox, in processes of its own, as a person or a script uses it."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from surroundings import connect

from airflow_provider_planet_reports.__main__ import main
from airflow_provider_planet_reports.sandbox import Sandbox

PACKAGE = [sys.executable, "-m", "airflow_provider_planet_reports"]


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a command in this process, which spares the time that Airflow takes to start."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")

    def run(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["planet-reports", *words])
        capfd.readouterr()
        ended = 0
        try:
            main()
        except SystemExit as end:
            ended = 1 if isinstance(end.code, str) else end.code
            sys.stderr.write(f"{end.code}\n")
        printed = capfd.readouterr()
        assert ended == code, printed
        return printed

    return run


def ids(sandbox):
    return [report["report_id"] for report in sandbox.reports]


@pytest.fixture
def landed(run, sandbox, tmp_path):
    """A destination in which all reports are landed."""
    run("land", tmp_path.as_uri())
    return tmp_path


def test_reports_are_listed_as_ids_as_a_table_and_as_the_api_describes_them(run, sandbox):
    assert run("list", "--output", "plain").out.split() == ids(sandbox)
    header, *rows = run("list", "--report-type", "summary", "--cadence", "daily").out.splitlines()
    assert header.split()[:2] == ["report_id", "data_date_start"]
    assert [row.split()[0] for row in rows] == [
        each["report_id"] for each in sandbox.reports
        if (each["report_type"], each["cadence"]) == ("summary", "daily")
    ]  # fmt: skip
    assert json.loads(run("list", "--output", "json").out) == sandbox.reports


def test_what_is_landed_is_whole_is_not_landed_again_and_is_not_listed(run, sandbox, tmp_path):
    first = run("land", tmp_path.as_uri())
    assert first.out == f"{len(ids(sandbox))} landed, 0 were landed before, 0 failed.\n"
    again = run("land", tmp_path.as_uri())
    assert again.out == f"0 landed, {len(ids(sandbox))} were landed before, 0 failed.\n"
    assert run("list", "--destination", tmp_path.as_uri(), "--output", "plain").out == ""
    assert run("verify", tmp_path.as_uri()).out.endswith(": 0 findings.\n")


def test_receipts_tell_one_landing_by_command_from_another(run, sandbox, tmp_path):
    runs = set()
    for folder in ("one", "another"):
        run("land", (tmp_path / folder).as_uri())
        receipts = (tmp_path / folder / "_receipts").rglob("*.json")
        (run_id,) = {json.loads(each.read_text())["landed_by"]["run_id"] for each in receipts}
        runs.add(run_id)
    assert len(runs) == 2


def day(back):
    """A day that many days before yesterday, which is the sandbox's newest."""
    today = dt.datetime.now(dt.timezone.utc).date()
    return (today - dt.timedelta(days=back + 1)).isoformat()


def test_checking_finds_nothing_where_no_day_is_missing(run, landed):
    done = run("check", landed.as_uri(), "--start", day(2))
    assert done.out == f"3 days from {day(2)} to {day(0)}: 6 reports, 6 landed, 0 findings.\n"
    assert "Planet has no report" not in done.err
    assert "Land what is missing" not in done.err
    assert run("check", landed.as_uri(), "--start", day(2), "--output", "plain").out == ""


def test_what_checking_misses_is_landed_by_the_command_that_it_names(run, sandbox, landed):
    without, late = (
        next(
            each["report_id"] for each in sandbox.reports
            if (each["data_date_start"], each["report_type"]) == (day(back), "summary")
        )
        for back in (1, 2)
    )  # fmt: skip
    sandbox.withdraw(without)
    for report_id in (without, late):
        next(landed.glob(f"_receipts/*/*/*/*/{report_id}.json")).unlink()
    words = ["check", landed.as_uri(), "--start", day(2), "--plan-id", "1001"]
    done = run(*words, code=1)
    header, *rows, summary = done.out.splitlines()
    assert header.split() == ["period", "state", "report_type", "plan_id", "report_id"]
    assert [row.split() for row in rows] == [
        [day(2), "not", "landed", "summary", "1001", late],
        [day(1), "no", "report", "summary", "1001", "-"],
    ]
    assert summary == f"3 days from {day(2)} to {day(0)}: 5 reports, 4 landed, 2 findings."
    assert f"Planet has no report for {day(1)}: one that is late is landed by" in done.err
    assert run(*words, "--output", "plain", code=1).out.split() == [day(2), day(1)]
    found = json.loads(run(*words, "--output", "json", code=1).out)
    assert (found["periods"], found["landed"]) == ([day(2), day(1), day(0)], 4)
    assert [gap["state"] for gap in found["gaps"]] == ["not landed", "no report"]

    (line,) = (each for each in done.err.splitlines() if each.startswith("Land what is missing:"))
    command = shlex.split(line.partition(": ")[2])
    assert command[:4] == ["python", "-m", "airflow_provider_planet_reports", "land"]
    # All of that day and plan: the detailed report was landed before.
    assert run(*command[3:]).out == "1 landed, 1 were landed before, 0 failed.\n"
    assert run(*words, "--output", "plain", code=1).out.split() == [day(1)]


def test_checking_says_what_to_do_about_duplicates(run, sandbox, tmp_path):
    report = next(each for each in sandbox._reports.values() if each.cadence == "daily")
    sandbox.publish(replace(report, seed=report.seed + 1))
    run("land", tmp_path.as_uri())
    done = run("check", tmp_path.as_uri(), "--start", day(2), code=1)
    assert done.out.count("  duplicate  ") == 2
    assert "Of duplicates, the warehouse's views count one; the other can stay." in done.err


def test_of_months_the_command_names_the_days(run, tmp_path, monkeypatch):
    sandbox = Sandbox(days=100, plans=(1001,))
    month = next(each for each in sandbox.reports if each["cadence"] == "monthly")
    first, last = month["data_date_start"], month["data_date_end"]
    with sandbox.serve() as base_url:
        connect(monkeypatch, sandbox.key, base_url)
        words = ["--cadence", "monthly", "--start", first, "--end", last]
        done = run("check", tmp_path.as_uri(), *words, code=1)
        assert f"1 month from {first} to {last}: 2 reports, 0 landed, 2 findings." in done.out
        assert f"--cadence monthly --start {first} --end {last}\n" in done.err
        assert run("land", tmp_path.as_uri(), *words).out.startswith("2 landed")
        run("check", tmp_path.as_uri(), *words)


def test_verifying_says_what_is_missing_torn_unreadable_and_stray(run, landed):
    torn, shorter, missing, *_ = sorted(landed.rglob("*.csv"))
    torn.write_bytes(torn.read_bytes()[:-1] + b"?")
    shorter.write_bytes(shorter.read_bytes()[:-1])
    missing.unlink()
    unknown = landed / "somebody.csv"
    unknown.write_bytes(b"x")
    receipt = max(landed.rglob("*.json"))
    receipt.write_text("{")
    printed = run("verify", landed.as_uri(), code=1)
    lines = printed.out.splitlines()
    for path, kind in (
        (torn, "torn"), (shorter, "torn"), (missing, "missing"), (unknown, "stray"),
        (receipt, "unreadable"),
    ):  # fmt: skip
        (line,) = [line for line in lines if f"file://{path}  " in f"{line}  "]
        assert line.startswith(f"{kind}  ")
    again = printed.err.partition("Land these days again: ")[2].partition("\n")[0]
    run(*shlex.split(again)[3:])
    left = run("verify", landed.as_uri(), code=1).out.splitlines()
    assert left == [f"stray  {unknown.as_uri()}  no receipt names it", left[-1]]


def test_strays_of_landed_reports_are_removed_on_request(run, landed):
    (beside, *_) = sorted(landed.rglob("*.csv"))
    stray = beside.with_name("part-00001-5747a7.csv")
    stray.write_bytes(b"left by a run that died")
    elsewhere = landed / "somebody.csv"
    elsewhere.write_bytes(b"x")
    assert run("verify", landed.as_uri(), code=1).out.endswith(": 2 findings.\n")
    assert stray.exists()
    done = run("verify", landed.as_uri(), "--remove-strays", code=1)
    assert done.out.endswith(": 1 stray removed, 1 finding.\n")
    assert not stray.exists()
    assert elsewhere.exists()  # it is in the folder of no landed report


def test_reports_are_forgotten_by_id_and_by_day_with_all_their_files(run, sandbox, landed):
    some = sandbox.reports[0]["report_id"]
    shown = run("forget", landed.as_uri(), some, "--dry-run").out
    assert shown.splitlines()[-1] == "Would forget 1 report."
    assert [*landed.rglob(f"{some}/*.csv")]
    assert run("forget", landed.as_uri(), some).out.splitlines()[-1] == "Forgot 1 report."
    assert not [*landed.rglob(f"{some}/*.csv")]
    assert f"Not found: {some}." in run("forget", landed.as_uri(), some, code=1).err
    old = {r["report_id"] for r in sandbox.reports if r["data_date_start"] < day(0)} - {some}
    assert run("forget", landed.as_uri(), "--before", day(0)).out.endswith(
        f"Forgot {len(old)} reports.\n"
    )
    left = {path.stem for path in landed.glob("_receipts/*/*/*/*/*.json")}
    assert left == {*ids(sandbox)} - old - {some}
    assert {path.parent.name for path in landed.rglob("*.csv")} == left
    # What was forgotten is landed again by whoever asks for it.
    assert run("land", landed.as_uri()).out.startswith(f"{len(old) + 1} landed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "--start", "yesterday"], "start='yesterday' is not a date"),
        (["list", "--conn-id", "nobody"], "Connection 'nobody' not found: create it"),
        (["land", "s3:/bucket"], "has no scheme"),
        (["verify", "ftp://x"], "unknown scheme"),
        (["check", "/tmp/x"], "start is required"),
        (["forget", "/tmp/x"], "Say what to forget"),
        (["forget", "/tmp/x", "--before", "never"], "before='never' is not a day"),
        (["check", "ftp://x", "--start", "2026-01-01"], "unknown scheme"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_fails(run, sandbox, airflow_db, words, message):
    done = run(*words, code=1)
    assert message in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_report_that_cannot_be_landed_is_named_and_fails_the_command(run, sandbox, tmp_path):
    (tmp_path / "report_type=detailed").write_bytes(b"in the way")
    done = run(
        "land", tmp_path.as_uri(), "--report-type", "detailed", "--end", "2999-01-01", code=1
    )
    assert "report_type=detailed" in done.err


def test_a_terminal_gets_a_bar_and_a_pipe_does_not(sandbox, tmp_path):
    piped = subprocess.run(
        [*PACKAGE, "land", (tmp_path / "a").as_uri()], check=True, capture_output=True
    )
    assert "━" not in piped.stderr.decode()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PACKAGE, "land", (tmp_path / "b").as_uri()],
        stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # how a pseudo-terminal ends
                break
            shown += data
    os.close(ours)
    assert process.returncode == 0
    assert re.search(r"Landing.*━.*\D([1-9]\d*)/\1\D", shown.decode())


def test_airflow_has_the_commands_too(sandbox):
    from airflow.cli import cli_config

    from airflow_provider_planet_reports.cli.definition import get_planet_reports_cli_commands

    (group,) = get_planet_reports_cli_commands()
    assert isinstance(group, cli_config.GroupCommand)
    assert [command.name for command in group.subcommands] == [
        "list", "land", "check", "load", "verify", "forget", "listings",
    ]  # fmt: skip
