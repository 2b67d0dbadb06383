"""Hook on the Reports API."""
