"""Tasks, one per file; the file name is the name, a leading underscore marks what they share."""
