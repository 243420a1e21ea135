"""The benchmark harness: what a method is measured with, never what it is."""
