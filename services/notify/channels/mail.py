"""Mail by SMTP, one message to each recipient, so that nobody sees the others and one address that fails holds up no other."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime

from services.notify import words
from services.notify.channel import Email
from services.notify.channels.base import Away, Refused
from shared.events import Notification, now
from shared.logs import logger

log = logger("notify")
# What answers with 4yz may take it later, what answers with 5yz will not (RFC 5321, 4.2.1).
_FINAL = 500
# Not resolvable on purpose (RFC 2606): ids only have to be unlike.
_DOMAIN = "adrwatch.invalid"


class MailCarrier:
    """Sends a notification as text. A connection lasts for one notification: servers close idle ones."""

    def __init__(self, channel: Email) -> None:
        self._channel = channel
        self._password = channel.password.read("password") if channel.password else None
        # Of the notification that is being tried: who has it, and who refused it, so that a retry asks only the others.
        self._tried = ""
        self._done: set[str] = set()
        self._refused: dict[str, str] = {}

    def carry(self, notification: Notification) -> None:
        """See `Carrier`. Refused where no recipient takes it; if some do, the others are named in the log."""
        if notification.id != self._tried:
            self._tried, self._done, self._refused = notification.id, set(), {}
        later = ""
        try:
            with self._connected() as server:
                for recipient in self._channel.recipients:
                    if recipient not in self._done and recipient not in self._refused:
                        later = self._send(server, recipient, notification) or later
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= _FINAL:
                raise Refused(_answer(error.smtp_code), fix="mend the channel, then `adrwatch notify retry`") from error
            raise Away(_answer(error.smtp_code)) from error
        except (smtplib.SMTPException, OSError) as error:
            host, port = self._channel.at
            raise Away(
                f"the mail server at {host}:{port} did not take it ({type(error).__name__})",
                fix="see that host, port and security are right, and that it runs",
            ) from error
        if later:
            raise Away(later)
        if not self._done:
            raise Refused(
                f"no recipient is taken: {'; '.join(sorted(set(self._refused.values())))}", fix="mend recipients"
            )
        if self._refused:
            log.warning("some recipients are refused", channel=notification.channel, recipients=len(self._refused),
                        reasons=sorted(set(self._refused.values())))  # fmt: skip

    def close(self) -> None:
        """See `Carrier`."""

    def _connected(self) -> smtplib.SMTP:
        host, port = self._channel.at
        timeout = self._channel.timeout_seconds
        if self._channel.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=timeout)
        try:
            if self._channel.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._channel.username is not None and self._password is not None:
                server.login(self._channel.username, self._password)
        except BaseException:
            with suppress(OSError, smtplib.SMTPException):
                server.close()
            raise
        return server

    def _send(self, server: smtplib.SMTP, recipient: str, notification: Notification) -> str:
        """Send to one; gives why it must be tried again, nothing where it need not."""
        try:
            server.send_message(self._message(recipient, notification))
        except smtplib.SMTPRecipientsRefused as error:
            [(code, _)] = error.recipients.values()
            if code < _FINAL:
                return _answer(code)
            self._refused[recipient] = _answer(code)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code < _FINAL:
                return _answer(error.smtp_code)
            self._refused[recipient] = _answer(error.smtp_code)
        else:
            self._done.add(recipient)
        return ""

    def _message(self, recipient: str, notification: Notification) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._channel.sender
        message["To"] = recipient
        message["Subject"] = f"[adrwatch] {notification.subject}"
        message["Date"] = format_datetime(now())
        # Mail programs show a message that comes twice under one id once.
        message["Message-ID"] = f"<{notification.id}@{_DOMAIN}>"
        if notification.purpose == "alert":
            # An alert and its updates are shown as one conversation.
            message["References"] = f"<{notification.notices[0].alert_id}@{_DOMAIN}>"
        # No absence notes in answer (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(f"{notification.subject}\n\n{words.text(notification)}")
        return message


def _answer(code: int) -> str:
    """The server's code without its words, which often repeat addresses."""
    return f"SMTP {code}"
