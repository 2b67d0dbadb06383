"""Where landed objects are kept: one interface, a local store, and one store for all buckets."""
