"""Over TLS, where the libraries keep a connection's socket out of reach."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted_server import KEY

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.session import ReportsSession


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate for loopback, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    today = dt.datetime.now(dt.timezone.utc)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(
        made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    return str(file)


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
        session.give_up()
        thread.join(60)
    assert len(failures) == 1


def test_a_certificate_that_nobody_vouches_for_is_named_as_the_reason(certificate):
    with (
        a_server_that_sends(b"", certificate) as (url, _),
        ReportsSession(KEY, url, timeout=60, max_retries=0) as session,
        pytest.raises(errors.TransportError, match="certificate verify failed"),
    ):
        session.get(url)
