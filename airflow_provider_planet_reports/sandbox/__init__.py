"""An offline stand-in of Planet's Reports API, for trying the provider and testing DAGs.

It is not Planet: reports and figures are made up from a seed. It runs on loopback, needs the
standard library only, and behaves as the public reference says (pages, links, filters,
refusals). From the shell::

    python -m airflow_provider_planet_reports.sandbox --port 8765

or in a test::

    with Sandbox(days=3).serve() as base_url: ...
"""

from airflow_provider_planet_reports.sandbox.server import Sandbox

__all__ = ["Sandbox"]
