"""What the page of the sandbox leaves to its reader."""

from __future__ import annotations

from typing import Any

import pytest
from runs import dag_of


@pytest.fixture
def dag() -> Any:
    """The DAG under test."""
    return dag_of("landing.py", "land")
