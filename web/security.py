"""Headers on every answer, cookies, and where a log-in may lead."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSessionInterface

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
STATIC_ENDPOINTS = {"static", "bootstrap.static", "assets.bootstrap_css"}


class SessionInterface(SecureCookieSessionInterface):
    """Cookies are marked Secure whenever the page came over HTTPS, also behind a proxy."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return came_over_https(request)


def came_over_https(asked: Request) -> bool:
    # The header may be forged, but it can only make the cookie stricter.
    return asked.is_secure or asked.headers.get("X-Forwarded-Proto") == "https"


def set_headers(response: Response) -> Response:
    headers = response.headers
    phone = g.get("phone_url", "")  # the page has a telephone in it
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
        "connect-src 'self'", f"connect-src 'self' {phone}".strip()
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    microphone = "microphone=(self)" if phone else "microphone=()"
    headers["Permissions-Policy"] = f"camera=(), geolocation=(), {microphone}"
    if came_over_https(request):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint not in STATIC_ENDPOINTS:
        headers.setdefault("Cache-Control", "no-store")
    return response


def safe_next(target: str | None) -> str | None:
    """`target` when it is a path on this site, else None (no open redirects).

    Browsers read a backslash as a slash and drop tabs and line ends, so those are refused too.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or any(ord(char) <= 32 or ord(char) == 127 for char in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target
