"""Over TLS, where the libraries keep a connection's socket out of reach."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

import pytest
from certificates import loopback_certificate
from scripted_server import KEY

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.session import ReportsSession


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate for loopback, and its key."""
    return loopback_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")


@contextlib.contextmanager
def a_server_that_sends(data, certificate):
    """Serve one connection, which stays open; yield the address, and the event of having sent."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    sent, done = threading.Event(), threading.Event()

    def serve(listener):
        plain, _ = listener.accept()
        with (
            plain,
            contextlib.suppress(OSError),
            context.wrap_socket(plain, server_side=True) as connection,
        ):
            connection.recv(2**16)
            connection.sendall(data)
            sent.set()
            done.wait(120)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/", sent
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n{}"],
    ids=["before the headers", "in the body", "in a body of any length"],
)
def test_a_task_that_ends_does_not_wait_for_a_silent_server(certificate, data, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    failures = []
    with (
        a_server_that_sends(data, certificate) as (url, sent),
        ReportsSession(KEY, url, timeout=600) as session,
    ):

        def ask():
            with pytest.raises(errors.TransportError, match="told to stop") as caught:
                session.get(url)
            failures.append(caught.value)

        thread = threading.Thread(target=ask)
        thread.start()
        assert sent.wait(60)
        session.cancel()
        thread.join(60)
    assert len(failures) == 1


def test_a_certificate_that_nobody_vouches_for_is_named_as_the_reason(certificate):
    with (
        a_server_that_sends(b"", certificate) as (url, _),
        ReportsSession(KEY, url, timeout=60, max_retries=5) as session,
        pytest.raises(
            errors.UntrustedCertificate,
            match=r"certificate is not trusted \(self-signed certificate\): set verify in",
        ),
    ):
        session.get(url)
