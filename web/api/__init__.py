"""The JSON API under /api/v1, for other systems, with `Authorization: Bearer <api token>`."""

from web.api.blueprint import blueprint

__all__ = ["blueprint"]
