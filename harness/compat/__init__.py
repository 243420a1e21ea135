"""What we need of torch's private parts: the one place to fix when torch changes them."""
