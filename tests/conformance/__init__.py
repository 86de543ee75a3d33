"""The same conversations with both switches: see test_conformance.py."""
