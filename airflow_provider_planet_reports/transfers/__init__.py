"""Transfers: from the Reports API to object storage."""
