"""The benchmark: this provider, its peers and the physical limit, side by side."""
