"""The search for secrets would find them."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import sqlite3
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from hunt import Hunt

CORE = "canary0123456789abcdef"
KEY = f'/+{CORE}"%='
FERNET_KEY = Fernet.generate_key().decode()
FORMS = {
    "as it is": lambda text: text.encode(),
    "quoted for a URL": lambda text: quote(text, safe="").encode(),
    "in JSON": lambda text: json.dumps(text).encode(),
    "Basic, padded": lambda text: base64.b64encode(text.encode()),
    "Basic, without padding": lambda text: base64.b64encode(text.encode()).rstrip(b"="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_a_canary_is_found_in_every_form_wherever_it_begins(tmp_path, form, before):
    hunt = Hunt(key=CORE)
    written = b"Header: " + FORMS[form](f"{before}{KEY}:")
    (tmp_path / "log").write_bytes(written)
    (tmp_path / "packed").write_bytes(gzip.compress(written))
    hunt.search_files(tmp_path)
    assert [name for name, *_ in hunt.found] == ["key", "key"]
    assert hunt.bytes["file log"] == len(written)


@pytest.mark.parametrize("written", [KEY, Fernet(FERNET_KEY).encrypt(KEY.encode()).decode()])
def test_a_canary_is_found_in_a_database_encrypted_too(tmp_path, written):
    path = tmp_path / "airflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE trigger (kwargs TEXT)")
        database.execute("INSERT INTO trigger VALUES (?)", (json.dumps([written]),))
        database.commit()
    hunt = Hunt(key=CORE)
    hunt.search_database(path, FERNET_KEY)
    assert [name for name, *_ in hunt.found] == ["key"]


def test_a_canary_is_found_in_a_warehouse(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        warehouse.execute("CREATE TABLE reports AS SELECT ? AS link", [KEY])
    hunt = Hunt(key=CORE)
    hunt.search_warehouse(tmp_path / "warehouse.duckdb")
    assert [name for name, *_ in hunt.found] == ["key"]


def test_what_is_no_canary_is_not_found(tmp_path):
    (tmp_path / "log").write_text("canary0123456789abcdeX " * 100)
    hunt = Hunt(key=CORE)
    hunt.search_files(tmp_path)
    assert not hunt.found
