"""Flask pages and the JSON API."""
