"""Schedules of the learning rate, one per file; the file name is the name."""
