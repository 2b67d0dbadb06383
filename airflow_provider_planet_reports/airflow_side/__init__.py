"""What hooks, operators, sensors and triggers share on the side of Airflow."""
