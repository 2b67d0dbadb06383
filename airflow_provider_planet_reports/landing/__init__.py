"""The landing zone in object storage: layout, whole-or-nothing files, receipts. Knows no HTTP."""
