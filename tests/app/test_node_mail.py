"""The node's mailbox, and mail handed on to real SMTP servers: plain, with TLS, with a password, refusing, silent."""

import asyncio
import email.policy
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from cloudlet.app import mail as mail_module
from cloudlet.app.mail import KEPT_MS, Mail, NodeMail, NodeMailbox, Relay, parse_relay
from cloudlet.base.clock import ManualClock
from cloudlet.base.config import SettingsError
from cloudlet.base.errors import AwsError
from cloudlet.kit.ports import StoredMail
from cloudlet.store.database import Database
from tests.app.certificates import self_signed

SENDER, PERSON = "no-reply@example.com", "me@example.com"


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database.open(None, run_twice=True)
    yield opened
    opened.close()


def message(subject: str = "Hello", text: str = "Some text\n") -> bytes:
    built = EmailMessage(policy=email.policy.SMTP)
    built["From"], built["To"], built["Subject"] = SENDER, PERSON, subject
    built.set_content(text)
    return built.as_bytes()


def send(database: Database, relay: str = "", *, entry: str = "e1", content: bytes | None = None) -> None:
    out = NodeMail(database, ManualClock(), NodeMailbox(), relay)
    try:
        asyncio.run(out.send(content or message(), SENDER, [PERSON], entry))
    finally:
        out.close()


def listed(database: Database, limit: int = 100, token: str | None = None) -> tuple[list[StoredMail], str | None]:
    return database.transact(lambda tx: NodeMailbox().list(tx, limit, token))[0]


def test_mail_without_a_relay_stays_in_the_mailbox(database: Database) -> None:
    send(database, content=message("Größe", "Grüße\n"))
    (mail,) = listed(database)[0]
    assert (mail.sender, mail.recipients, mail.subject, mail.text) == (SENDER, (PERSON,), "Größe", "Grüße\n")
    assert mail.raw == message("Größe", "Grüße\n")
    assert database.transact(lambda tx: NodeMailbox().find(tx, mail.id))[0] == mail


def test_the_same_entry_is_kept_once(database: Database) -> None:
    for _ in range(3):
        send(database)
    send(database, entry="e2")
    assert len(listed(database)[0]) == 2


def test_deleted_mail_is_gone_and_does_not_come_back(database: Database) -> None:
    send(database)
    (mail,) = listed(database)[0]
    database.transact(lambda tx: NodeMailbox().delete(tx, mail.id))
    send(database)
    assert listed(database) == ([], None)
    assert database.transact(lambda tx: NodeMailbox().find(tx, mail.id))[0] is None


@pytest.mark.parametrize("mail_id", ["", "x", "-1", "9" * 30, "ⅷ"])
def test_what_is_no_mails_id(database: Database, mail_id: str) -> None:
    assert database.transact(lambda tx: NodeMailbox().find(tx, mail_id))[0] is None


def keep(database: Database, mailbox: NodeMailbox, number: int, sent_ms: int) -> None:
    mail = Mail(sent_ms, SENDER, [PERSON], str(number), "", b"")
    database.transact(mailbox.keep, mail, f"e{number}")


def test_the_newest_come_first_page_by_page(database: Database) -> None:
    for number in range(5):
        keep(database, NodeMailbox(), number, 0)
    first, token = listed(database, 2)
    second, token = listed(database, 2, token)
    third, end = listed(database, 2, token)
    assert [mail.subject for mail in first + second + third] == ["4", "3", "2", "1", "0"]
    assert end is None
    with pytest.raises(AwsError):
        listed(database, 2, "nonsense")


def test_more_than_fits_pushes_the_oldest_out(database: Database) -> None:
    mailbox = NodeMailbox(mails_max=3)
    for number in range(10):
        keep(database, mailbox, number, number)
    assert [mail.subject for mail in listed(database)[0]] == ["9", "8", "7"]


def test_after_thirty_days_mail_goes_with_all_its_keys(database: Database) -> None:
    mailbox = NodeMailbox()
    for number in range(10):
        keep(database, mailbox, number, 0)
    keep(database, mailbox, 10, KEPT_MS - 1)
    assert len(listed(database)[0]) == 11
    keep(database, mailbox, 11, KEPT_MS)
    assert [mail.subject for mail in listed(database)[0]] == ["11", "10"]
    rows, _ = database.transact(lambda tx: tx.scan(b"\x01", b"\xff").rows)
    assert len(rows) == 2 * 3 + 3  # mail, known and end of two; last, count and mark


# --- relays


class Inbox:
    """A handler of aiosmtpd that keeps what it is given, or refuses it."""

    def __init__(self, refusal: str = "") -> None:
        self.envelopes: list[Envelope] = []
        self.refusal = refusal
        self.was_secure = False

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        self.was_secure = session.ssl is not None
        if self.refusal:
            return self.refusal
        self.envelopes.append(envelope)
        return "250 OK"


def authenticator(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"me", b"p@ss"), handled=False)


class Server(Controller):
    """On a port of its own choosing."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        super().__init__(inbox, hostname="127.0.0.1", port=port, **options)

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


def test_a_relay_gets_what_the_mailbox_keeps(database: Database) -> None:
    inbox = Inbox()
    with Server(inbox) as server:
        send(database, f"127.0.0.1:{server.port}")
    (envelope,) = inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, [PERSON])
    assert isinstance(envelope.content, bytes)
    assert b"Subject: Hello\r\n" in envelope.content
    assert len(listed(database)[0]) == 1


def test_tls_is_used_where_it_is_offered(database: Database, tmp_path: Path) -> None:
    inbox = Inbox()
    with Server(inbox, tls_context=self_signed(tmp_path).server_context) as server:
        send(database, f"smtp://127.0.0.1:{server.port}")
    assert len(inbox.envelopes) == 1
    assert inbox.was_secure


def test_a_password_goes_to_proven_servers_only(database: Database, tmp_path: Path, monkeypatch: Any) -> None:
    inbox = Inbox()
    certificate = self_signed(tmp_path)
    options = {"tls_context": certificate.server_context, "authenticator": authenticator, "auth_required": True}
    with Server(inbox, **options) as server:
        relay = f"smtp://me:p%40ss@127.0.0.1:{server.port}"
        with pytest.raises(ssl.SSLCertVerificationError):
            send(database, relay)
        assert inbox.envelopes == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
        send(database, relay)
        assert len(inbox.envelopes) == 1
        with pytest.raises(OSError, match="535"):
            send(database, f"smtp://me:wrong@127.0.0.1:{server.port}", entry="e2")
    assert len(inbox.envelopes) == 1


def test_smtps_is_tls_from_the_start_and_verified(database: Database, tmp_path: Path, monkeypatch: Any) -> None:
    inbox = Inbox()
    certificate = self_signed(tmp_path)
    with Server(inbox, ssl_context=None) as plain, pytest.raises(OSError):
        send(database, f"smtps://127.0.0.1:{plain.port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with TlsServer(inbox, certificate.server_context) as server:
        send(database, f"smtps://127.0.0.1:{server.port}")
    assert len(inbox.envelopes) == 1


class TlsServer(Server):
    def __init__(self, inbox: Inbox, context: ssl.SSLContext) -> None:
        super().__init__(inbox, ssl_context=context)

    def _trigger_server(self) -> None:  # the controller's own look whether it listens knows no verified TLS
        with socket.create_connection((self.hostname, self.port), 1.0):
            pass


@pytest.mark.parametrize("refusal", ["450 come back later", "550 no such user"])
def test_what_a_relay_refuses_is_an_error_and_kept_once(database: Database, refusal: str) -> None:
    inbox = Inbox(refusal)
    with Server(inbox) as server:
        for _ in range(2):
            with pytest.raises(OSError, match=refusal[:3]):
                send(database, f"127.0.0.1:{server.port}")
        inbox.refusal = ""
        send(database, f"127.0.0.1:{server.port}")
    assert len(inbox.envelopes) == 1
    assert len(listed(database)[0]) == 1


def test_nobody_listening_is_an_error(database: Database) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            send(database, f"127.0.0.1:{closed.getsockname()[1]}")


def test_a_silent_relay_is_given_up(database: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr(mail_module, "RELAY_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OSError):
        send(database, f"127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize(
    ("text", "relay"),
    [
        ("mail.example.com", Relay("smtp", "mail.example.com", 25)),
        ("mail.example.com:587", Relay("smtp", "mail.example.com", 587)),
        ("smtps://mail.example.com", Relay("smtps", "mail.example.com", 465)),
        ("smtp://me:p%40ss@[::1]:2525", Relay("smtp", "::1", 2525, "me", "p@ss")),
    ],
)
def test_how_a_relay_is_written(text: str, relay: Relay) -> None:
    assert parse_relay(text) == relay


@pytest.mark.parametrize("text", ["http://x", "smtp://", "x:port", "me@x", "smtp://x/path"])
def test_how_a_relay_is_not_written(text: str) -> None:
    with pytest.raises(SettingsError, match="smtp_relay"):
        parse_relay(text)
