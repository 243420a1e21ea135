"""One HTML page of everything recorded."""
