"""What a file's bytes say while they stream by: size, digest, rows, kind of file."""
