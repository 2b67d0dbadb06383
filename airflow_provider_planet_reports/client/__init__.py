"""Client of Planet's Reports API: HTTP only, knows nothing of Airflow or of object storage."""
