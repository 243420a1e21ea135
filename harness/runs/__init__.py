"""One run: trained, recorded, resumed."""
