"""Recurrent models, one per file; the file name is the name."""
