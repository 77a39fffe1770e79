"""Mail: always into the node's own mailbox, and to an SMTP relay when one is configured.

Layout in the store, in the space "mail" of the node
    mail   ("m", number)        -> Mail          in the order of arrival; a mail's id is its number
    last   ("n",)               -> the last number given, as text
    known  ("k", entry id)      -> number        so that a repeated delivery isn't kept twice
    count  ("c",)               -> how many are kept, as text; those deleted by hand count until their time ends
    end    ("x") DueIndex       (dropped at, number) -> entry id
"""

import asyncio
import email
import email.policy
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from cloudlet.base.clock import Clock
from cloudlet.base.config import SettingsError
from cloudlet.base.errors import aws_error
from cloudlet.kit import page
from cloudlet.kit.due import FOREVER_MS, DueIndex
from cloudlet.kit.ports import StoredMail
from cloudlet.kit.record import Record
from cloudlet.store.database import Database
from cloudlet.store.keys import Subspace
from cloudlet.store.transaction import Tx

MAILS_MAX = 10_000
KEPT_MS = 30 * 24 * 3600_000
DROPPED_PER_MAIL = 50
RELAY_TIMEOUT_S = 20.0
THREADS_MAX = 4
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Mail(Record, frozen=True):
    sent_ms: int
    sender: str
    recipients: list[str]
    subject: str
    text: str
    raw: bytes


class NodeMailbox:
    """kit/ports.Mailbox: the newest MAILS_MAX of the last 30 days."""

    def __init__(self, mails_max: int = MAILS_MAX) -> None:
        space = Subspace("mail")
        self._mails, self._known, self._last = space["m"], space["k"], space.key("n")
        self._ends = DueIndex(space["x"])
        self._count = space.key("c")
        self._mails_max = mails_max

    def keep(self, tx: Tx, mail: Mail, entry_id: str) -> None:
        """Store a mail once, however often it is delivered; drop the oldest for it."""
        if tx.get(self._known.key(entry_id)) is not None:
            return
        number = int(tx.get(self._last) or 0) + 1
        tx.put(self._last, b"%d" % number)
        tx.put(self._mails.key(number), mail.encode())
        tx.put(self._known.key(entry_id), b"%d" % number)
        self._ends.put(tx, mail.sent_ms + KEPT_MS, (number,), entry_id.encode())
        self._set_count(tx, self._counted(tx) + 1)
        self.drop_old(tx, mail.sent_ms)

    def drop_old(self, tx: Tx, now_ms: int) -> None:
        """Forget what is past its time, and what is too much; some at a time."""
        self._drop(tx, now_ms, DROPPED_PER_MAIL)
        surplus = self._counted(tx) - self._mails_max
        if surplus > 0:
            self._drop(tx, FOREVER_MS, min(surplus, DROPPED_PER_MAIL))

    def _drop(self, tx: Tx, until_ms: int, limit: int) -> None:
        for end in self._ends.claim(tx, until_ms, limit):
            (number,) = end.tie
            tx.delete(self._mails.key(number))
            tx.delete(self._known.key(end.value.decode()))
            self._set_count(tx, self._counted(tx) - 1)

    def _counted(self, tx: Tx) -> int:
        return int(tx.get(self._count) or 0)

    def _set_count(self, tx: Tx, count: int) -> None:
        tx.put(self._count, b"%d" % count)

    def list(self, tx: Tx, limit: int, token: str | None) -> tuple[list[StoredMail], str | None]:
        begin, end = self._mails.range()
        if token is not None:
            invalid = aws_error("InvalidNextToken", "The next token is not one of this list.", 400)
            (number,) = page.decode_token(token, invalid, int)
            end = self._mails.key(number)
        found = tx.scan(begin, end, limit=limit, reverse=True)
        mails = [self._shown(self._mails.unpack(key)[0], stored) for key, stored in found.rows]
        return mails, page.encode_token(int(mails[-1].id)) if found.resume is not None else None

    def find(self, tx: Tx, mail_id: str) -> StoredMail | None:
        if not (mail_id.isascii() and mail_id.isdigit() and len(mail_id) < 19):
            return None
        stored = tx.get(self._mails.key(int(mail_id)))
        return self._shown(int(mail_id), stored) if stored else None

    def delete(self, tx: Tx, mail_id: str) -> None:
        """The mail goes; its place in the count and that it was delivered are forgotten when its time ends."""
        tx.delete(self._mails.key(int(mail_id)))

    @staticmethod
    def _shown(number: int, stored: bytes) -> StoredMail:
        mail = Mail.decode(stored)
        return StoredMail(
            id=str(number),
            sent_ms=mail.sent_ms,
            sender=mail.sender,
            recipients=tuple(mail.recipients),
            subject=mail.subject,
            text=mail.text,
            raw=mail.raw,
        )


class Relay(NamedTuple):
    """Where mail is handed on to. `smtps` speaks TLS from the start; `smtp` as soon as the server offers it."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""


def parse_relay(text: str) -> Relay:
    """[smtp[s]://][user:password@]host[:port]; ports 465 and 25 by default."""
    problem = SettingsError(f"smtp_relay is {text!r}; expected [smtp[s]://][user:password@]host[:port]")
    parts = urlsplit(text if "://" in text else f"smtp://{text}")
    try:
        port = parts.port
    except ValueError as error:
        raise problem from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise problem
    if bool(parts.username) != bool(parts.password):
        raise problem
    default_port = 465 if parts.scheme == "smtps" else 25
    return Relay(
        parts.scheme, parts.hostname, port or default_port, unquote(parts.username or ""), unquote(parts.password or "")
    )


class NodeMail:
    """kit/ports.MailOut."""

    def __init__(self, database: Database, clock: Clock, mailbox: NodeMailbox, relay: str = "") -> None:
        self._database, self._clock, self._mailbox = database, clock, mailbox
        self._relay = parse_relay(relay) if relay else None
        self._executor = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="mail")

    async def send(self, message: bytes, sender: str, recipients: list[str], entry_id: str) -> None:
        mail = _read(message, sender, recipients, self._clock.now_ms())
        _, horizon = self._database.transact(self._mailbox.keep, mail, entry_id)
        await self._database.journal.wait(horizon)
        if self._relay is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, _hand_on, self._relay, message, sender, recipients)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


def _read(message: bytes, sender: str, recipients: list[str], now_ms: int) -> Mail:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage), "the default policy makes EmailMessages"
    body = parsed.get_body(("plain",))
    return Mail(
        sent_ms=now_ms,
        sender=sender,
        recipients=recipients,
        subject=str(parsed["Subject"] or ""),
        text=body.get_content().replace("\r\n", "\n") if body is not None else "",
        raw=message,
    )


def _hand_on(relay: Relay, message: bytes, sender: str, recipients: list[str]) -> None:
    """Give a message to the relay. Raises OSError, of which smtplib's errors are a kind."""
    if relay.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            relay.host, relay.port, timeout=RELAY_TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(relay.host, relay.port, timeout=RELAY_TIMEOUT_S)
    with server:
        server.ehlo()
        if relay.scheme == "smtp":
            _secure(server, relay)
        if relay.user:
            server.login(relay.user, relay.password)
        server.sendmail(sender, recipients, message)


def _secure(server: smtplib.SMTP, relay: Relay) -> None:
    """TLS where it is offered. A password is sent to a proven server only; without one, TLS with anybody is better
    than none (RFC 7435)."""
    if server.has_extn("starttls"):
        context = ssl.create_default_context()
        if not relay.user:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        server.starttls(context=context)
        server.ehlo()
    elif relay.user and relay.host not in _LOOPBACK:
        raise OSError(f"{relay.host} offers no TLS, so the password is not sent to it; use smtps:// or another relay")
