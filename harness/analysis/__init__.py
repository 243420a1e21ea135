"""Tables, pairs and verdicts from recorded runs."""
