"""How Sphinx builds these pages, on Airflow 3.3 or later, with the group ``docs``.

``sphinx-build -W --keep-going -n -b html docs docs/_build``
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
# Airflow makes itself a home when it is imported; the pages are none of its business.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="planet-reports-docs-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

from airflow_provider_planet_reports import __version__  # noqa: E402

project = "Planet Reports for Apache Airflow"
author = "the maintainers of airflow-provider-planet-reports"
project_copyright = f"{author}. Apache-2.0. Not affiliated with Planet Labs"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
myst_heading_anchors = 2
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = f"Planet Reports for Airflow {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
copybutton_exclude = ".linenos, .gp, .go"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False

nitpicky = True
# Names of Airflow, requests and Python: their documentation is elsewhere, and builds are offline.
nitpick_ignore_regex = [
    (r"py:.*", r"(airflow|requests|collections|datetime|dt|typing|argparse|urllib)\..+"),
    (r"py:class", "Asset|Context|Dataset|ObjectStoragePath|OperatorLineage|PokeReturnValue"),
    (r"py:class", "DuckDBPyConnection|FilterParameters|OnBadEntry|RetryDecision|TaskInstanceKey"),
    (r"py:exc", "Airflow[A-Za-z]+"),
]


def write_help(_: Any) -> None:
    """Write down what the commands say of themselves, for the pages to quote."""
    folder = HERE / "_generated"
    folder.mkdir(exist_ok=True)
    package = "airflow_provider_planet_reports"
    for name, words in {
        "list": [package, "list"],
        "land": [package, "land"],
        "check": [package, "check"],
        "load": [package, "load"],
        "verify": [package, "verify"],
        "forget": [package, "forget"],
        "listings": [package, "listings"],
        "sandbox": [f"{package}.sandbox"],
    }.items():
        said = subprocess.run(  # noqa: S603
            [sys.executable, "-m", *words, "--help"],
            cwd=HERE.parent,
            env={**os.environ, "COLUMNS": "88", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (folder / f"{name}.txt").write_text(said)


def setup(app: Any) -> None:
    """Have Sphinx call what is above."""
    app.connect("builder-inited", write_help)
