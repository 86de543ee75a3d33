"""Responses: what each must copy from its request (RFC 3261 section 8.2.6)."""

from __future__ import annotations

from labswitch.message import SipMessage

PHRASES: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
}


def reply_to(
    request: SipMessage,
    status: int,
    phrase: str | None = None,
    *,
    source: tuple[str, int],
    to_tag: str = "",
    fields: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> SipMessage:
    """Make a response: Via with received and rport (RFC 3581), a To tag, what must be copied."""
    vias = request.values("Via")
    copied = [("Via", stamp_via(vias[0], source))]
    copied += [("Via", value) for value in vias[1:]]
    to = request.get("To")
    if to_tag and ";tag=" not in to.lower().rpartition(">")[2]:
        to = f"{to};tag={to_tag}"
    for name, value in (
        ("From", request.get("From")),
        ("To", to),
        ("Call-ID", request.get("Call-ID")),
        ("CSeq", request.get("CSeq")),
    ):
        if value:
            copied.append((name, value))
    if phrase is None:
        phrase = PHRASES.get(status, "Unknown")
    return SipMessage(status=status, phrase=phrase, fields=copied + (fields or []), body=body)


def stamp_via(text: str, source: tuple[str, int]) -> str:
    """Write where the request really came from into its topmost Via (RFC 3581 section 4)."""
    pieces = text.split(";")
    kept = [pieces[0]]
    asked_rport = False
    for piece in pieces[1:]:
        name = piece.partition("=")[0].strip().lower()
        if name == "rport":
            asked_rport = True
        elif name != "received":
            kept.append(piece)
    if asked_rport:
        kept.append(f"rport={source[1]}")
    sent_by = pieces[0].rpartition(" ")[2].partition(":")[0]
    if asked_rport or sent_by != source[0]:
        kept.append(f"received={source[0]}")
    return ";".join(kept)
