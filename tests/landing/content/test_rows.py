"""Counting rows: the same number that Python's csv module gives, however the bytes come."""

from __future__ import annotations

import csv
import gzip
import io
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_planet_reports.landing.content.kinds import kind_of
from airflow_provider_planet_reports.landing.content.rows import (
    CSVRows,
    GzippedCSVRows,
    RowCounter,
)
from airflow_provider_planet_reports.landing.errors import DamagedContent

BOM = "\ufeff"
CSV_TEXT = st.text(st.sampled_from('aé",\r\n' + BOM), max_size=60)
CUTS = st.lists(st.integers(0, 400), max_size=12)
TABLE = b'id,note\r\n1,"two\nlines"\r\n2,"so ""called"""\r\n'


def count(counter: RowCounter, data: bytes, cuts: list[int]) -> int | None:
    """Count data that comes in chunks, empty ones among them."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        counter.update(data[begin:end])
    return counter.rows()


def by_the_csv_module(data: bytes, encoding: str = "utf-8-sig") -> int:
    text = data.decode(encoding).replace("\0", "x")  # Python 3.10 refuses to read a NUL
    records = csv.reader(io.StringIO(text, newline=""))
    return max(sum(1 for record in records if record) - 1, 0)


@given(CSV_TEXT, CUTS)
@example('a""\n"b', [1])
@example('"a"",\n"', [3])
@example(BOM + '"\r\n",""\r\n""', [1, 2])
@example('\n\n\r\r\n"\n"\n\n', [1, 2, 3, 4, 5, 6])
def test_rows_are_what_the_csv_module_reads(text: str, cuts: list[int]) -> None:
    data = text.encode()
    assert count(CSVRows(), data, cuts) == by_the_csv_module(data)


@pytest.mark.parametrize("beginning", ["", BOM], ids=["", "after a byte order mark"])
def test_every_small_text_counts_the_same_wherever_it_is_cut(beginning: str) -> None:
    for text in map("".join, itertools.product('a",\r\n', repeat=5)):
        data = (beginning + text).encode()
        expected = by_the_csv_module(data)
        inner = range(1, len(data))
        for cuts in ([], inner, *([cut] for cut in inner), *itertools.combinations(inner, 2)):
            assert count(CSVRows(), data, list(cuts)) == expected, (data, cuts)


@given(
    st.lists(st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", '"a"b', "\0", "é", " ", BOM])),
    CUTS,
)
def test_what_no_writer_would_write_counts_as_it_is_read(
    pieces: list[str], cuts: list[int]
) -> None:
    data = "".join(pieces).encode()
    assert count(CSVRows(), data, cuts) == by_the_csv_module(data)


def test_a_field_that_is_longer_than_the_csv_module_allows_is_a_field() -> None:
    data = b'header\n"' + b"x\n" * csv.field_size_limit() + b'"\nlast\n'
    assert count(CSVRows(), data, [10, 70_000]) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from(['a"', '"', '""', ",", "\n", "\r\n", ""]), st.integers(0, 130)),
        max_size=12,
    ),
    st.sampled_from("x,\n"),
    CUTS,
)
def test_where_in_a_block_a_quote_or_a_line_ends_does_not_matter(
    pieces: list[tuple[str, int]], filling: str, cuts: list[int]
) -> None:
    data = "".join(piece + length * filling for piece, length in pieces).encode()
    assert count(CSVRows(), data, cuts) == by_the_csv_module(data)


@given(st.binary(max_size=60), CUTS)
def test_bytes_that_are_no_text_count_by_their_quotes_and_line_ends(
    data: bytes, cuts: list[int]
) -> None:
    text = data.removeprefix(BOM.encode())
    assert count(CSVRows(), data, cuts) == by_the_csv_module(text, "latin-1")


@given(st.lists(st.lists(st.text(st.sampled_from('xy",\r\n ')), min_size=1), max_size=8), CUTS)
def test_what_a_csv_writer_wrote_counts_its_rows(rows: list[list[str]], cuts: list[int]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["header"], *rows])
    assert count(CSVRows(), text.getvalue().encode(), cuts) == len(rows)


@pytest.mark.parametrize("text", ["", BOM, "\n\r\n", "header", "header\n"])
def test_a_file_without_a_row_has_none(text: str) -> None:
    assert count(CSVRows(), text.encode(), []) == 0


def test_a_chunk_of_more_than_a_block_counts_its_rows() -> None:
    assert count(CSVRows(), b"a,b\r\n" + b'1,"x\r\ny"\r\n' * 120_000, []) == 120_000


def test_asking_twice_does_not_count_twice() -> None:
    counter = CSVRows()
    counter.update(b'header\n"last"')
    assert (counter.rows(), counter.rows()) == (1, 1)


@given(CSV_TEXT, CSV_TEXT, CUTS)
def test_gzip_of_several_members_counts_as_one_file(one: str, other: str, cuts: list[int]) -> None:
    data = gzip.compress(one.encode()) + gzip.compress(other.encode())
    assert count(GzippedCSVRows(), data, cuts) == by_the_csv_module((one + other).encode())


def test_gzip_that_inflates_a_thousandfold_is_counted_in_full() -> None:
    rows = 5_000_000
    assert count(GzippedCSVRows(), gzip.compress(b"h\n" + b"1\n" * rows), [9_000]) == rows


def test_padding_after_gzip_is_no_damage_wherever_it_is_cut() -> None:
    packed = gzip.compress(TABLE)
    assert count(GzippedCSVRows(), packed + b"\0" * 8, [len(packed) + 3]) == 2


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TABLE) + b"not gzip",
        gzip.compress(TABLE)[:-8] + b"\xff" * 8,
        b"\x1f\x8b" + b"\xff" * 50,
    ],
    ids=["garbage behind", "wrong checksum", "garbage"],
)
def test_damaged_gzip_is_damaged_content(data: bytes) -> None:
    with pytest.raises(DamagedContent, match="is damaged"):
        count(GzippedCSVRows(), data, [20])


@pytest.mark.parametrize("end", [5, 30, -1])
def test_gzip_that_is_cut_is_damaged_content(end: int) -> None:
    with pytest.raises(DamagedContent, match="breaks off"):
        count(GzippedCSVRows(), gzip.compress(TABLE)[:end], [])


def test_whole_gzip_is_not_damaged() -> None:
    assert count(GzippedCSVRows(), gzip.compress(TABLE), []) == 2


@pytest.mark.parametrize(
    ("beginning", "extension", "counter"),
    [
        (TABLE[:4], ".csv", CSVRows),
        (b"", ".csv", CSVRows),
        (b"PKID,a", ".csv", CSVRows),
        (gzip.compress(TABLE)[:4], ".csv.gz", GzippedCSVRows),
        (b"PK\x03\x04", ".zip", RowCounter),
        (b"PK\x05\x06", ".zip", RowCounter),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(
    beginning: bytes, extension: str, counter: type
) -> None:
    name, chosen = kind_of(beginning)
    assert (name, type(chosen)) == (extension, counter)


def test_the_rows_of_a_zip_are_not_known() -> None:
    _, counter = kind_of(b"PK\x03\x04")
    assert count(counter, b"PK\x03\x04 and more\n\n", [3]) is None
