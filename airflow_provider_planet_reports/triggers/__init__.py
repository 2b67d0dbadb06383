"""Triggers on Planet's Reports API."""
