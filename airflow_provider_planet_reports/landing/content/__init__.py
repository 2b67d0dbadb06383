"""What a file's first bytes say about its kind, and counting its rows while they stream by."""
