"""Operators on the Reports API."""
