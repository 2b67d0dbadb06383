"""Apache Airflow provider for Planet's usage reports."""

__version__ = "0.1.0"
