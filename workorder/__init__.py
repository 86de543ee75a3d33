"""Orders: models, lifecycle, policies as data, the working-day clock."""
