"""Claims, one a file; the file name is the name."""
