"""Notices by SMTP: a plain text per notice. The Message-ID is made of the notice's id, so repetitions can be told.

A mail is accepted when every recipient is. A password is sent only over TLS: with `smtps`, or after STARTTLS; a server
that was to offer STARTTLS and does not, or whose certificate is not trusted, gets neither password nor mail.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from strongroom.alarms.base import TIMEOUT_SECONDS, SinkError, instant, sentence_of
from strongroom.alarms.trust import SYSTEM, Trust, reason_of
from strongroom.domain.alarms import Notice


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server and who gets mail."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    is_tls: bool = False
    starts_tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: Trust = SYSTEM

    def describe(self) -> str:
        return f"smtp://{self.host}:{self.port} to {', '.join(self.recipients)}"

    def send(self, notice: Notice, now: datetime) -> None:
        try:
            with self._connect() as server:
                if self.starts_tls:
                    server.starttls(context=self.trust.context())
                if self.user is not None:
                    server.login(self.user, self.password or "")
                refused = server.send_message(self.message(notice, now), self.sender, self.recipients)
        except OSError as error:
            raise SinkError(f"{self.host}:{self.port}: {_reason_of(error)}") from error
        if refused:
            raise SinkError(f"{self.host}:{self.port} refused {', '.join(sorted(refused))}")

    def message(self, notice: Notice, now: datetime) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Subject"] = f"[strongroom] {notice.state.value.upper()}: {notice.alarm}"
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{notice.notice_id}@strongroom.invalid>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(
            f"{sentence_of(notice)}\n\nalarm:   {notice.alarm}\nstate:   {notice.state.value}\n"
            f"subject: {notice.subject}\ntime:    {instant(notice.happened_at)}\nid:      {notice.notice_id}\n"
        )
        return mail

    def _connect(self) -> smtplib.SMTP:
        if self.is_tls:
            context = self.trust.context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)


def _reason_of(error: OSError) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return "the user or the password was refused"
        case smtplib.SMTPRecipientsRefused():
            return "every recipient was refused"
        case smtplib.SMTPResponseException():
            return f"it answered {error.smtp_code}"
        case smtplib.SMTPException():  # of its own, not of a server's words
            return str(error).rstrip(".") or type(error).__name__
    return reason_of(error)
