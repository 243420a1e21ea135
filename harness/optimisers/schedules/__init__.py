"""Schedules of the learning rate, one a file; the file name is the name."""
