"""The command line: ``airflow planet-reports …``, and ``python -m`` of this package."""
