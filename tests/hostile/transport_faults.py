"""Faults of connections, framing, encoding and ranges."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import replace

from airflow_provider_planet_reports.sandbox.http import Answer
from hostile.incident import Incident, fault


@fault()
def reset(_: Incident) -> Answer:
    """The connection is reset before any answer."""
    return Answer(0, (), ending="reset")


@fault()
def silence(_: Incident) -> Answer:
    """The connection is closed without an answer."""
    return Answer(0, (), ending="close")


@fault()
def stall(incident: Incident) -> Answer:
    """Nothing comes for longer than anybody waits, from the beginning or in the middle."""
    data = incident.data()
    begun = incident.become(data, "close")
    status, at = incident.chance.choice(
        ((0, 0), (begun.status, incident.chance.randrange(len(data) or 1)))
    )

    def pieces() -> Iterator[bytes]:
        yield data[:at]
        incident.sandbox.stall()

    return replace(begun, status=status, body=pieces())


@fault()
def cut(incident: Incident) -> Answer:
    """The body ends early, at any byte, with the connection closed or reset."""
    data = incident.data()
    ending = incident.chance.choice(("close", "reset"))
    cut_off = incident.become(data, ending)
    return replace(cut_off, body=[data[: incident.chance.randrange(len(data) or 1)]])


@fault()
def cut_chunk(incident: Incident) -> Answer:
    """A chunked body ends early, at any byte."""
    data = incident.data()
    part = data[: incident.chance.randrange(len(data) or 1)]
    return incident.become(part, "close", Content_Length=None, Transfer_Encoding="chunked")


@fault()
def chunked(incident: Incident) -> Answer:
    """The body comes in chunks, its length is not told."""
    data, size = incident.data(), incident.chance.randint(1, 5000)
    answer = incident.become(data, Content_Length=None, Transfer_Encoding="chunked")
    return replace(answer, body=[data[at : at + size] for at in range(0, len(data), size)])


@fault()
def no_length(incident: Incident) -> Answer:
    """The body's length is not told: the connection's end is its own."""
    return incident.become(incident.data(), "close", Content_Length=None)


@fault()
def no_length_cut(incident: Incident) -> Answer:
    """The body's length is not told, and it ends early."""
    data = incident.data()
    part = data[: incident.chance.randrange(len(data) or 1)]
    return incident.become(part, "close", Content_Length=None)


@fault()
def long_length(incident: Incident) -> Answer:
    """``Content-Length`` is too large."""
    data = incident.data()
    length = str(len(data) + incident.chance.choice((1, 1000, 2**40)))
    return incident.become(data, "close", Content_Length=length)


@fault()
def senseless_length(incident: Incident) -> Answer:
    """``Content-Length`` is no number, or several."""
    length = incident.chance.choice(("-1", "many", "5, 6", "1e3", "0x20"))
    return incident.become(incident.data(), "close", Content_Length=length)


@fault()
def gzipped(incident: Incident) -> Answer:
    """The body is gzip-encoded though nobody asked for that."""
    if incident.place == "content":
        data = incident.sandbox.file(incident.request)
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}-gzip"'
        whole = replace(incident, answer=replace(incident.answer, status=200))
        return whole.become(packed(data), Content_Encoding="gzip", Content_Range=None, ETag=etag)
    return incident.become(packed(incident.data()), Content_Encoding="gzip")


@fault("content")
def wrong_range(incident: Incident) -> Answer:
    """Another range is sent than was asked for, or one that nobody asked for."""
    data = incident.sandbox.file(incident.request)
    begin = incident.chance.randrange(len(data) or 1)
    part = replace(incident, answer=replace(incident.answer, status=206))
    return part.become(data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")


def packed(data: bytes) -> bytes:
    """Return data as :func:`gzipped` encodes it."""
    return gzip.compress(data, mtime=0)
