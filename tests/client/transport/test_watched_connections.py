"""What a thread's request leaves behind for the next one."""

from __future__ import annotations

import contextlib
import math
import threading

import pytest
import requests
from scripted_server import Answer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.connections import exchange


@pytest.mark.parametrize("answer", [Answer(body={}), Answer(403), Answer(body=b"0123", cut=1)])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_leaves_no_deadline_to_what_is_read_later(server, session_of, answer, stream):
    session = session_of(server, max_retries=0)
    server.will(Answer(body=b"x" * 1000), answer)
    with session.get(server.origin, stream=True) as download:
        with contextlib.suppress(errors.TransportError):
            session.get(session.base_url, stream=stream).close()
        assert exchange.deadline == math.inf
        assert exchange.address == ""
        assert len(download.raw.read()) == 1000


def test_what_is_sent_without_a_deadline_has_not_that_of_the_request_before(server, session):
    session.get(session.base_url)
    prepared = session.prepare_request(requests.Request("GET", session.base_url))
    session.send(prepared)
    assert exchange.deadline == math.inf


def test_each_thread_has_an_exchange_of_its_own():
    exchange.begin("https://api.example/", 1)
    seen = []
    thread = threading.Thread(target=lambda: seen.append((exchange.deadline, exchange.address)))
    thread.start()
    thread.join()
    exchange.end()
    assert seen == [(math.inf, "")]
