"""The receivers that the setting `alarms_sinks` names: `name=URL`.

- `webhook+https://host/path` (or `webhook+http` to loopback): JSON, signed with `alarms_signing_key` if there is one
- `eventbridge+https://host/path`: the same in EventBridge's envelope
- `smtp://[user:password@]host[:port]?from=A&to=B&to=C[&starttls=1]`, or `smtps://`
- `syslog+udp://host[:port]`, `syslog+tcp://host[:port]`, `syslog+tls://host[:port]`, `syslog+unix:///dev/log`
- `command:/path/to/program argument "another argument"`: words as a shell would split them, but no shell
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from strongroom.alarms.base import Sender, Sink, body_of, event_of
from strongroom.alarms.command import Command
from strongroom.alarms.mail import Mail
from strongroom.alarms.syslog import Syslog
from strongroom.alarms.trust import SYSTEM, Trust
from strongroom.alarms.webhook import Webhook, is_safe

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SMTP_PORTS: Final = {"smtp": 25, "smtps": 465}
_SYSLOG_PORTS: Final = {"udp": 514, "tcp": 514, "tls": 6514, "unix": 0}


def parse_sinks(
    items: Iterable[str], sender: Sender, signing_key: str | None, trust: Trust = SYSTEM
) -> dict[str, Sink]:
    """Return the receivers by their names.

    Raises:
        ValueError: an item is none; the text does not repeat it, because it may hold a password.
    """
    sinks: dict[str, Sink] = {}
    for number, item in enumerate(items, start=1):
        name, separator, url = item.partition("=")
        if not separator or not _NAME.fullmatch(name) or name in sinks:
            raise ValueError(f"receiver {number} is not name=URL with a name of its own")
        try:
            sinks[name] = _parse(url, sender, signing_key, trust)
        except ValueError as error:
            raise ValueError(f"receiver {name}: {error}") from None
    return sinks


def _parse(url: str, sender: Sender, signing_key: str | None, trust: Trust) -> Sink:
    kind, _, rest = url.partition(":")
    if kind == "command":
        return _command(rest)
    parts = urlsplit(url)
    kind, _, transport = parts.scheme.partition("+")
    if kind in ("webhook", "eventbridge"):
        return _webhook(kind, parts._replace(scheme=transport), sender, signing_key, trust)
    if kind in _SMTP_PORTS:
        return _mail(kind, parts, trust)
    if kind == "syslog" and transport in _SYSLOG_PORTS:
        place = parts.path if transport == "unix" else parts.hostname
        if not place:
            raise ValueError("a syslog receiver has a host, or the path of its socket")
        return Syslog(transport, place, parts.port or _SYSLOG_PORTS[transport], trust)
    raise ValueError("the URL begins with webhook+https, eventbridge+https, smtp, smtps, syslog+tls or command")


def _command(text: str) -> Command:
    arguments = tuple(shlex.split(text))
    if not arguments or not arguments[0].startswith("/"):
        raise ValueError("a command is named by its absolute path")
    return Command(arguments)


def _webhook(kind: str, url: SplitResult, sender: Sender, signing_key: str | None, trust: Trust) -> Webhook:
    if not is_safe(url):
        raise ValueError("a notice goes by https, or by http to this machine only")
    key = None if signing_key is None else signing_key.encode()
    if kind == "webhook":
        return Webhook(url, body_of, key, trust)
    return Webhook(url, lambda notice: event_of(notice, sender), key, trust)


def _mail(kind: str, url: SplitResult, trust: Trust) -> Mail:
    query = parse_qs(url.query)
    recipients, starts_tls = tuple(query.get("to", ())), query.get("starttls", ["0"])[-1] == "1"
    if not url.hostname or not recipients:
        raise ValueError("a mail server has a host, and ?to= says who gets mail")
    if url.username is not None and not (starts_tls or kind == "smtps"):
        raise ValueError("a password is sent over TLS only: smtps, or starttls=1")
    return Mail(
        host=url.hostname,
        port=url.port or _SMTP_PORTS[kind],
        sender=query.get("from", ["strongroom@localhost"])[-1],
        recipients=recipients,
        is_tls=kind == "smtps",
        starts_tls=starts_tls,
        user=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
        trust=trust,
    )
