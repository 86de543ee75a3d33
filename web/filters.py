"""What templates may call: times, words, masked numbers, icons."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, g, url_for
from markupsafe import Markup

from callcenter.privacy import ANONYMOUS, mask, mask_name
from web import assets, localtime, people, words
from web.order_filter import light_of
from web.rights import Field, Role, Sight, sight

_SPRITE = assets.BOOTSTRAP / "icons/bootstrap-icons.svg"


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        clock=localtime.clock,
        stamp=localtime.stamp,
        short_stamp=localtime.short_stamp,
        duration=localtime.duration,
        mask=shown_number,
        mask_name=shown_name,
        agent=people.agent_label,
        epoch=_epoch,
    )
    app.jinja_env.globals.update(
        icon=icon,
        words=words,
        word=words.word,
        option_word=words.option_word,
        light_of=light_of,
        limit_words=words.limit_words,
        between=localtime.between,
        ANONYMOUS=ANONYMOUS,
        asset=_asset(app),
        bootstrap_address=assets.bootstrap_address,
    )
    app.jinja_env.globals["server_time"] = lambda: f"{time.time():.3f}"
    app.jinja_env.tests["contains_key"] = lambda mapping, key: key in mapping
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def shown_number(number: str) -> str:
    """Masked; an anonymous caller is said so in words."""
    return str(words.ANONYMOUS) if number == ANONYMOUS else mask(number)


def shown_name(name: str) -> str:
    """A citizen's name as the logged-in person may see it."""
    user = g.get("user")
    if user is not None and sight(Role(user.role), Field.NAME) is Sight.WHOLE:
        return name
    return mask_name(name)


@functools.cache
def icon(name: str) -> Markup:
    """One drawing of Bootstrap's icon set, inside the page: the whole set is a megabyte."""
    found = re.search(
        rf'<symbol[^>]*viewBox="([^"]+)"[^>]*\bid="{re.escape(name)}"[^>]*>(.*?)</symbol>'
        rf'|<symbol[^>]*\bid="{re.escape(name)}"[^>]*viewBox="([^"]+)"[^>]*>(.*?)</symbol>',
        _sprite(),
        re.S,
    )
    if found is None:
        raise KeyError(f"Bootstrap has no icon {name!r}")
    box, drawing = found[1] or found[3], found[2] or found[4]
    return Markup(
        f'<svg class="icon" viewBox="{box}" aria-hidden="true" focusable="false">{drawing}</svg>'
    )


@functools.cache
def _sprite() -> str:
    return _SPRITE.read_text("utf-8")


def _asset(app: Flask) -> Callable[[str], str]:
    """A static file's address that changes with the file, so that it may be cached for long."""

    def asset(filename: str) -> str:
        path = static_dir(app) / filename
        version = f"{path.stat().st_mtime_ns:x}" if path.exists() else "missing"
        return url_for("static", filename=filename, v=version)

    return asset


def _epoch(moment: Any) -> str:
    """Seconds since the epoch for the page's clocks."""
    if moment is None:
        return ""
    return f"{moment.timestamp() if hasattr(moment, 'timestamp') else float(moment):.3f}"


def static_dir(app: Flask) -> Path:
    return Path(app.static_folder or "")
