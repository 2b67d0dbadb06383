from __future__ import annotations

import hashlib
import itertools
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.content import Reference, make, same
from benchmarks.goals import Exponent, Figure, Ratio
from benchmarks.wire import Wire

#: One of each kind of case.
_CASES = ("list", "disk-small", "google-middle", "s3-small", "re-check", "waiting")
_AT_A_DISTANCE = ("daily", "large", "nothing-new", "load")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux")


def measured(folder, *options):
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--quick"]
    done = subprocess.run(
        [*command, "--output", str(folder), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "results.txt").read_text() in done.stdout
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("benchmark"), "--only", *_CASES)


@pytest.fixture(scope="module")
def results_at_a_distance(tmp_path_factory):
    folder = tmp_path_factory.mktemp("at-a-distance")
    return measured(folder, "--at-a-distance", "--only", *_AT_A_DISTANCE)


@pytest.mark.slow
def test_everybody_who_is_installed_does_the_work_and_does_it_right(results, results_at_a_distance):
    both = [*results["cases"], *results_at_a_distance["cases"]]
    assert tuple(case["name"] for case in both) == (*_CASES, *_AT_A_DISTANCE)
    for case in both:
        assert any(row["rounds"] for row in case["rows"]), case["name"]
        for row in case["rows"]:
            assert not row["failed"]
            assert bool(row["rounds"]) is not bool(row["not"])


@pytest.mark.slow
def test_whoever_does_not_take_part_says_why(results):
    reasons = [row["not"] for case in results["cases"] for row in case["rows"] if row["not"]]
    assert all(reason.startswith(("not installed: ", "cannot: ")) for reason in reasons)
    assert measure.why_not("curl", "list_reports") == "cannot: follows no links in JSON"


@pytest.mark.slow
def test_goals_of_what_was_measured_are_judged(results):
    goals = {
        (case["name"], goal["what"]): goal for case in results["cases"] for goal in case["goals"]
    }
    assert goals["list", "ours ÷ this, wall"]["met"] in (True, False)
    assert goals["re-check", "S3 requests"]["met"] is True
    assert goals["disk-small", "connections"]["met"] is True


@pytest.mark.parametrize("plain", [False, True])
def test_any_piece_of_a_file_is_put_into_its_place(tmp_path, plain):
    content = make(tmp_path / "file.csv", 500_000, plain=plain)
    data = Path(content.path).read_bytes()
    reference = Reference(Path(content.path))
    assert hashlib.sha256(data).hexdigest() == content.sha256
    assert data.count(b"\n") - 1 == content.rows
    assert len(data) == content.bytes <= 500_000
    for size, offset in itertools.product((70_000, 131_072, 200_001), range(0, 250_000, 9973)):
        piece = data[offset : offset + size]
        assert reference.place(piece) == offset
        assert reference.holds(piece, offset)
        assert not reference.holds(piece[:-1] + b"?", offset)
    assert reference.place(data[-100:]) == len(data) - 100


def test_a_damaged_file_is_noticed(tmp_path):
    content = make(tmp_path / "file.csv", 200_000)
    other = tmp_path / "other.csv"
    data = bytearray(Path(content.path).read_bytes())
    other.write_bytes(data)
    assert same(other, Path(content.path))
    data[150_000] ^= 1
    other.write_bytes(data)
    assert not same(other, Path(content.path))
    other.write_bytes(data[:-1])
    assert not same(other, Path(content.path))


def test_ratios_are_paired_within_rounds():
    results = {"ours": [{"wall": 1.0}, {"wall": 10.0}, {"wall": 2.0}],
               "them": [{"wall": 2.0}, {"wall": 20.0}, {"wall": 1.0}]}  # fmt: skip
    assert Ratio("them", 1).value(results) == 0.5
    assert Ratio("nobody", 1).value(results) is None


@pytest.mark.parametrize("power", [1, 2])
def test_an_exponent_is_found(power):
    sizes = {"few": 10, "more": 20, "most": 40}
    results = {label: [{"cpu": 3 * size**power}] for label, size in sizes.items()}
    assert Exponent("cpu", sizes).value(results) == pytest.approx(power)


def test_facts_are_figures_too():
    results = {"ours": [{"facts": {"S3 requests": 3}}, {"facts": {"S3 requests": 5}}]}
    assert Figure("S3 requests", 12).value(results) == 4


def test_bodies_are_read_whatever_their_framing():
    body = bytes(range(256)) * 10_000
    frames = b"%x;chunk-signature=0\r\n%s\r\n0;chunk-signature=1\r\nx-amz-checksum:1\r\n\r\n"
    framed = frames % (len(body), body)
    first, second = socket.socketpair()

    def send():
        with first:
            first.sendall(b"PUT /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            first.sendall(
                b"PUT /b HTTP/1.1\r\nContent-Encoding: aws-chunked\r\nContent-Length: %d\r\n\r\n%s"
                % (len(framed), framed)
            )
            first.sendall(
                b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            )

    sender = threading.Thread(target=send)
    sender.start()
    with second:
        wire, seen = Wire(second), {}
        while request := wire.request():
            seen[request.target] = b"".join(map(bytes, wire.body(request.headers)))
    sender.join()
    assert seen == {"/a": body, "/b": body, "/c": b"abc"}
