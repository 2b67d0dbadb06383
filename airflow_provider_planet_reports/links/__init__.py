"""Links that Airflow shows beside tasks."""
