from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from surroundings import TESTS

import airflow_provider_planet_reports

ROOT = TESTS.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_planet_reports"
PAGES = {
    page.relative_to(DOCS).as_posix(): page.read_text()
    for kind in ("rst", "md")
    for page in sorted(DOCS.rglob(f"*.{kind}"))
    if "_build" not in page.parts
}
VARIES = "…"


# What the pages quote


def test_every_marker_is_quoted_and_every_quotation_has_its_marker():
    marked = set()
    for source in (ROOT / "example_dags").glob("*.py"):
        starts, ends = (
            re.findall(rf"^ *# \[{word} (howto_\w+)\]$", source.read_text(), re.MULTILINE)
            for word in ("START", "END")
        )
        assert starts == ends, source.name
        assert not marked & set(starts), "a marker stands in one file"
        marked |= {(source.name, name) for name in starts}
    quoted = set()
    for page, text in PAGES.items():
        for name, options in re.findall(r"literalinclude(?:::|\}) (\S+\.py)\n((?: *:.*\n)+)", text):
            parts = re.findall(r':(?:start-after|end-before): "?\[\w+ (howto_\w+)\]"?\n', options)
            if not parts:  # it is shown whole
                continue
            start, end = parts
            assert start == end, page
            assert re.search(rf"download\S+`the whole file <{re.escape(name)}>`", text), page
            quoted.add((Path(name).name, start))
    assert quoted == marked


def test_every_example_can_be_downloaded():
    examples = {path.name for path in (ROOT / "example_dags").glob("planet_reports_*")}
    offered = re.findall(r"{download}`(\S+) <../example_dags/(\S+)>`", PAGES["examples.md"])
    assert [name for name, _ in offered] == [path for _, path in offered]
    assert {path for _, path in offered} == examples


def test_the_watcher_makes_an_asset_that_schedules():
    pytest.importorskip("airflow.sdk", reason="assets have watchers from Airflow 3.0 on")
    names: dict = {}
    exec(PAGES["howto/watch.md"].partition("```python\n")[2].partition("```")[0], names)
    (watcher,) = names["reports"].watchers
    assert type(watcher.trigger).__name__ == "PlanetReportsEventTrigger"


# Messages


def texts_of(source):
    """Every text that a module's code has, but for docstrings, with what varies left out."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else VARIES
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%[.\d]*[srdf]", VARIES, node.value)


TEXTS = [text for module in PACKAGE.rglob("*.py") for text in texts_of(module.read_text())]
TROUBLESHOOTING = {
    page: text for page, text in PAGES.items() if page.startswith("troubleshooting/")
}
MESSAGES = re.findall(r"^``(.+)``$", "".join(TROUBLESHOOTING.values()), re.MULTILINE)


def says(text, message):
    """Whether a text is, or contains, a message."""
    parts = [re.escape(part) for part in message.split(VARIES)]
    return re.search(".*".join(parts), text, re.DOTALL) is not None


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_that_is_explained_is_one_that_is_raised(message):
    assert len(re.sub(r"\W", "", message)) >= 9
    assert any(says(text, message) for text in TEXTS)


def test_messages_are_found_where_they_are_made():
    source = 'raise E(f"{a!r} is bad: " "do better.")\nlog.warning("Lost %s of %d.", b, c)\n'
    found = list(texts_of(f'"""Is bad: docstring."""\n{source}'))
    assert found == ["… is bad: do better.", "Lost … of …."]
    assert says(found[0], "… is bad: do")
    assert not says(found[0], "do is bad")


def test_many_messages_are_explained_each_once():
    assert len(MESSAGES) == len(set(MESSAGES)) >= 50


def test_each_message_has_a_heading_of_its_own_to_search_for_and_to_link_to():
    section = r"^([^\n]+)\n~{3,}\n\n(.*?)(?=^[^\n]+\n[~-]{3,}\n|\Z)"
    sections = [
        each for page in TROUBLESHOOTING.values() for each in re.findall(section, page, re.M | re.S)
    ]
    headings = [heading for heading, _ in sections]
    assert len(headings) == len(set(headings))
    assert sum(len(re.findall(r"^``.+``$", body, re.M)) for _, body in sections) == len(MESSAGES)
    assert [body for _, body in sections if len(re.findall(r"^``.+``$", body, re.M)) > 1] == []
    for wanted in ("401", "403", "404", "429", "NoSuchBucket", "logical_date is undefined"):
        assert any(wanted in heading for heading in headings), wanted


# Pages and the reference


def public_classes():
    """What the registry's description names, and what else a user makes objects of."""
    registry = (ROOT / ".airflow-registry.yaml").read_text()
    for section, module, name in re.findall(
        r"module: \w+\.(\w+)s\.(\w+)\.(\w+)$", registry, re.MULTILINE
    ):
        yield section, f"{section}s.{module}", name
    yield "retry_policy", "retry_policy", "PlanetReportsRetryPolicy"


@pytest.mark.parametrize(("kind", "module", "name"), list(public_classes()))
def test_every_public_class_has_a_how_to_and_is_in_the_reference(kind, module, name):
    how_to = [page for page, text in PAGES.items() if is_labelled(text, f"howto/{kind}:{name}")]
    assert len(how_to) == 1
    assert how_to[0].startswith("howto/")
    assert f"airflow_provider_planet_reports.{module}" in PAGES[f"api/{reference_page(module)}.rst"]


def is_labelled(text, label):
    return f".. _{label}:\n" in text or f"({label})=\n" in text


def reference_page(module):
    return module.partition(".")[0]


def test_every_how_to_is_in_the_contents():
    named = set(re.findall(r"^   (howto/\w+)$", PAGES["index.rst"], re.MULTILINE))
    assert named == {page.rpartition(".")[0] for page in PAGES if page.startswith("howto/")}


def test_the_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.rst").read_text()
    headings = re.findall(r"^(\d+\.\d+\.\d+)\n-+$", changelog, re.MULTILINE)
    assert headings[0] == airflow_provider_planet_reports.__version__


def documented():
    """Functions and classes of the reference by name, as its directives choose them."""
    directive = r"\.\. auto(?:module|class):: (\S+)\n((?:   :.*\n)*)"
    reference = "".join(text for page, text in PAGES.items() if page.startswith("api/"))
    for name, options in re.findall(directive, reference):
        owner = owner_of(name)
        if inspect.isclass(owner):
            yield name, owner
        if ":members:" in options:
            yield from members_of(name, owner, *map(partial(names_in, options), OPTIONS))


OPTIONS = ("members", "exclude-members")


def names_in(options, option):
    found = re.search(rf":{option}: (.+)", options)
    return found.group(1).split(", ") if found else []


def owner_of(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute, None) or import_module(name)


def members_of(name, owner, chosen=(), left_out=()):
    home = owner.__name__ if inspect.ismodule(owner) else owner.__module__
    for member, value in vars(owner).items():
        function = getattr(value, "__func__", value)
        if member.startswith("_") or getattr(function, "__module__", "") != home:
            continue
        if callable(function) and (not chosen or member in chosen) and member not in left_out:
            yield f"{name}.{member}", function
            if inspect.isclass(function):
                yield from members_of(f"{name}.{member}", function, left_out=left_out)


def undocumented(value):
    """Yield what a docstring says nothing of: itself, parameters, the result."""
    said = inspect.getdoc(value) or ""
    if not said:
        yield "all of it"
    if inspect.isclass(value) and "__init__" not in vars(value):
        return
    signature = inspect.signature(value)
    for name in signature.parameters:
        if not re.match(r"(self|cls|args|kwargs)$|_", name) and f":param {name}:" not in said:
            yield name
    silent = inspect.isclass(value) or signature.return_annotation in (None, "None")
    if not silent and ":return:" not in said and not re.match("Return|Yield|Whether|Turn", said):
        yield "its result"


def test_the_reference_leaves_no_parameter_and_no_result_out():
    try:
        found = dict(documented())
    except ImportError as error:
        pytest.skip(str(error))  # an Airflow that lacks some of it
    assert len(found) > 60
    missing = {name: list(undocumented(value)) for name, value in found.items()}
    assert not {name: what for name, what in missing.items() if what}


# Code


BLOCKS = [
    (page, block)
    for page, text in PAGES.items()
    for block in (
        *re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text),
        *re.findall(r"```python\n(.*?)```", text, re.DOTALL),
    )
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_code_runs_as_it_stands(page, block, sandbox, tmp_path, monkeypatch):
    text = inspect.cleandoc(f"\n{block}").replace("file:///tmp/planet", tmp_path.as_uri())
    code = compile(text, page, "exec")
    if any(newer in block for newer in ("airflow.sdk", "retry_policy", "emit_partitions=True")):
        pytest.importorskip("airflow.sdk")
        pytest.importorskip("airflow_provider_planet_reports.retry_policy", exc_type=ImportError)
    for provider in re.findall(r"airflow\.providers\.(google|amazon|snowflake)\.", block):
        pytest.importorskip(f"airflow.providers.{provider}", reason="needs another provider")
    exec(code, {"__name__": "example"})


def test_the_query_over_the_landing_zone_works(sandbox, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    landed = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=tmp_path.as_uri()
    ).execute({})
    query = PAGES["landing_zone.md"].partition("```sql\n")[2].partition("```")[0]
    rows = duckdb.sql(query.replace("s3://my-bucket/planet", str(tmp_path))).fetchall()
    assert sum(count for _, _, count in rows) == sum(
        file["rows"]
        for report in landed
        if (report["report_type"], report["cadence"]) == ("summary", "daily")
        for file in report["files"]
    )
    assert len(rows) == 3


# The pages as they are built


@pytest.mark.skipif(find_spec("sphinx") is None, reason="needs the group docs")
def test_the_pages_are_built_without_a_warning(tmp_path):
    pytest.importorskip("airflow_provider_planet_reports.retry_policy", exc_type=ImportError)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", DOCS,
         tmp_path / "pages", "-d", tmp_path / "trees"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "index.html").exists()
