"""Ways to share a run between processes, one per file; the file name is the name."""
