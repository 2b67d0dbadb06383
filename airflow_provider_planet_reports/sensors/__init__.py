"""Sensors on Planet's Reports API."""
