"""Records: what a run leaves behind, how it is written, and how it is read, even if damaged."""
