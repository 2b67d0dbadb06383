"""A hunt for API keys, OAuth2 secrets and tokens, and signed links in all that Airflow leaves.

Airflow runs at logging level DEBUG. The example DAGs come through, other DAGs fail in all ways.
The keys are canaries: they occur nowhere by chance.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import shutil
import traceback
from collections import Counter
from importlib.util import find_spec

import pytest
from cryptography.fernet import Fernet
from hostile import SIGNATURE, HostileSandbox
from hunt import Hunt
from surroundings import MASKS_SENT, connect
from token_server import CLIENT_ID, TokenServer
from whole_airflow import Airflow

from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytest.importorskip("planet", reason="Planet's SDK fetches the tokens")
pytestmark = pytest.mark.system

#: Faults of listings and files, and faults of files alone: those are met when all was listed.
FAULTS = ("refused", "redirect_elsewhere", "expired", "cut", "html")
FAULTS_OF_FILES = ("expired", "wrong_range")
TODAY = dt.datetime.now(dt.timezone.utc).date()
NOWHERE = {
    "conn_type": "aws", "login": "nobody", "password": "nothing",
    "extra": {
        "endpoint_url": "http://127.0.0.1:1", "region_name": "us-east-1",
        "config_kwargs": {"retries": {"total_max_attempts": 1}},
    },
}  # fmt: skip
#: Airflow keeps the login of a stored connection in the clear, and notes it in its audit log.
KEPT = {
    ("login", place)
    for place in (
        "table connection", "table log", "REST API eventLogs",
        "file airflow.db", "file airflow.db-wal", "file airflow.db-wal-as-left",
    )
}  # fmt: skip


def canary():
    """The part of a key that no quoting changes."""
    return f"canary{secrets.token_hex(16)}"


def key_of(core):
    """A key with characters that are quoted in addresses."""
    return f"/+{core}%="


class TakesTokens(HostileSandbox):
    """Lets in who has a token, too."""

    def __init__(self, token, **options):
        super().__init__(**options)
        self._token = token
        self.let_in_by_token = 0

    def _authenticate(self, header):
        if header.startswith(f"Bearer {self._token}"):
            self.let_in_by_token += 1
        else:
            super()._authenticate(header)


def by_oauth2(secret, host):
    """A connection with OAuth2 client credentials."""
    extra = {"auth": "oauth2"}
    fields = {"login": CLIENT_ID, "password": secret, "host": host, "extra": extra}
    return json.dumps({"conn_type": "planet_reports", **fields})


def day_of_reports(days_ago):
    """The reports of one day; a seed of its own gives them ids of their own."""
    return made_up_reports(
        seed=1000 + days_ago, org_id=4321, plans=(1001,), days=1,
        last_day=TODAY - dt.timedelta(days=days_ago), part_bytes=0,
    )  # fmt: skip


def run_examples(airflow, sandbox):
    """Run the example DAGs, one after the other, on something new each."""

    def wait_for(dag_id, task_id, state):
        sql = f"dag_id = '{dag_id}' AND task_id = '{task_id}' AND state = '{state}'"
        airflow.wait_for(
            f"{dag_id}.{task_id}: {state}",
            lambda: airflow.query(f"SELECT 1 FROM task_instance WHERE {sql}"),
        )

    airflow.unpause("planet_reports_daily_deferrable")
    wait_for("planet_reports_daily_deferrable", "wait", "deferred")
    sandbox.publish(*day_of_reports(1))
    wait_for("planet_reports_daily_deferrable", "load", "success")
    sandbox.publish(*day_of_reports(3))
    airflow.unpause("planet_reports_daily")
    wait_for("planet_reports_daily", "load", "success")
    airflow.unpause("planet_reports_event_driven")
    sandbox.publish(*day_of_reports(5))
    wait_for("planet_reports_event_driven", "load", "success")


def run_failures(airflow, *sandboxes):
    """Run DAGs whose tasks fail, each in its own way."""
    for dag_id, rate in (("fails_in_all_ways", 0), ("meets_faults", 0.8)):
        for sandbox in sandboxes:
            sandbox.rate = rate
        airflow.unpause(dag_id)
        run_id = airflow.run(dag_id)
        assert {state for state, _ in airflow.tasks(run_id).values()} == {"failed"}
    for sandbox in sandboxes:
        sandbox.rate = 0


def search_reprs(hunt, monkeypatch, key, base_url):
    """Search what objects say of themselves, and tracebacks: nothing masks them here."""
    connect(monkeypatch, key, base_url)
    hook = PlanetReportsHook()
    reports = list(hook.list_reports())
    shown = (hook, hook.get_conn(), hook.get_conn().credentials, hook.api, *reports)
    hunt.search("reprs", "objects", repr(shown) + "".join(map(str, shown)))
    for fails in (
        lambda: hook.get_report("no such report"),
        lambda: list(hook.list_reports(query={"page_size": "0", "token": SIGNATURE})),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its text is what matters
            fails()
        hunt.search("reprs", "traceback", "".join(traceback.format_exception(caught.value)))


def test_neither_a_key_nor_a_signed_link_is_left_anywhere(tmp_path, monkeypatch):
    names = ("password", "login", "wrong", "secret", "wrong_secret", "token")
    cores = {name: canary() for name in names}
    hunt = Hunt(**cores, signature=SIGNATURE)
    keys = {name: key_of(core) for name, core in cores.items()}
    common = {"signed_links": True, "rate": 0, "plans": (1001,)}
    examples = HostileSandbox(key=keys["password"], faults=FAULTS, days=0, **common)
    failures = TakesTokens(
        keys["token"], key=keys["login"], faults=FAULTS_OF_FILES, days=3, **common
    )
    tokens = TokenServer(keys["secret"], keys["token"])
    home, fernet_key = tmp_path / "airflow", Fernet.generate_key().decode()
    lineage = home / "lineage.json"
    with examples.serve(), failures.serve(), tokens.serve():
        airflow = Airflow(
            home,
            (
                "planet_reports_daily_deferrable.py", "planet_reports_daily.py",
                "planet_reports_event_driven.py", "failing_in_all_ways.py",
            ),
            {
                "AIRFLOW_CONN_UNREACHABLE": json.dumps(NOWHERE),
                "AIRFLOW_CONN_PLANET_REPORTS_WRONG": json.dumps(
                    {
                        "conn_type": "planet_reports",
                        "login": keys["wrong"],
                        "host": failures.base_url,
                    }
                ),
                "AIRFLOW_CONN_PLANET_REPORTS_OAUTH2": by_oauth2(
                    keys["secret"], failures.base_url
                ),
                "AIRFLOW_CONN_PLANET_REPORTS_WRONG_SECRET": by_oauth2(
                    keys["wrong_secret"], failures.base_url
                ),
                "PLANET_REPORTS_TOKEN_SERVER": tokens.origin,
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
                "AIRFLOW__LOGGING__FAB_LOGGING_LEVEL": "DEBUG",
                "AIRFLOW__LOGGING__CELERY_LOGGING_LEVEL": "DEBUG",
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
                "AIRFLOW__CORE__FERNET_KEY": fernet_key,
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                    {"type": "file", "log_file_path": str(lineage), "append": True}
                ),
            },
        )  # fmt: skip
        try:
            airflow.start()
            airflow.connect("planet_reports_default", examples.base_url, keys["password"])
            airflow.connect(
                "planet_reports_by_login", failures.base_url, keys["login"], field="login"
            )
            run_examples(airflow, examples)
            run_failures(airflow, examples, failures)
            for path in ("connections/planet_reports_default", "eventLogs", "assets/events"):
                hunt.search(f"REST API {path}", "", json.dumps(airflow.rest("GET", path)))
            hunt.search_database(home / "airflow.db", fernet_key)
        finally:
            airflow.stop()
        # Commands would tidy up what the database's killed users left.
        shutil.copy(home / "airflow.db-wal", home / "airflow.db-wal-as-left")
        for words in (
            ("dags", "test", "planet_reports_daily"),
            ("tasks", "test", "fails_in_all_ways", "crash_login"),
            ("tasks", "test", "fails_in_all_ways", "crash_oauth2"),
        ):
            output, masks = MASKS_SENT.subn("", airflow.attempt(*words)[1])
            assert "Listing reports" in output
            hunt.search("command", " ".join(words), output)
            print(f"airflow {' '.join(words)}: {masks} lines of Airflow's that name what to mask")
        search_reprs(hunt, monkeypatch, keys["login"], failures.base_url)
    hunt.search_files(home)
    hunt.search_warehouse(airflow.warehouse)
    for request in (*examples.requests_elsewhere, *failures.requests_elsewhere):
        assert "authorization" not in request.headers
        hunt.search("request elsewhere", request.path, f"{request.headers} {request.path}")

    print(hunt.report())
    print(Counter(name for name, _ in (*examples.inflicted, *failures.inflicted)))
    assert hunt.places["request elsewhere"]
    assert failures.let_in_by_token
    assert {form["client_secret"][0] for form in tokens.asked} == {
        keys["secret"], keys["wrong_secret"],
    }  # fmt: skip
    assert hunt.places["table trigger, decrypted"], "the watcher's"
    assert lineage.exists() is bool(find_spec("airflow.providers.openlineage"))
    leaks = [found for found in hunt.found if found[:2] not in KEPT]
    assert not leaks, "\n".join(": ".join(leak) for leak in leaks)

    # The same search of the same logs, with one header more.
    copy = shutil.copytree(home / "logs", tmp_path / "copy")
    with next(copy.rglob("attempt=1.log")).open("ab") as log:
        log.write(base64.b64encode(f"{keys['login']}:".encode()))
    hunt.found.clear()
    hunt.search_files(copy)
    assert [name for name, *_ in hunt.found] == ["login"]
