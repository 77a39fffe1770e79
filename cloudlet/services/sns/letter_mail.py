"""E-mails: a notification or a confirmation as an RFC 5322 message."""

from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, NamedTuple

from cloudlet.base.errors import aws_error
from cloudlet.kit.call import Call
from cloudlet.services.sns import envelope
from cloudlet.services.sns.letter import Letter
from cloudlet.services.sns.records import Subscription

DEFAULT_SENDER = "no-reply@sns.amazonaws.com"
SENDER_NAME = "AWS Notifications"
LINE_CHARACTERS_MAX = 990  # RFC 5321 has 998
LINE_CHARACTERS_WISHED = 76  # of a header; a longer one is encoded in pieces
SUBJECT = "AWS Notification Message"
CONFIRMATION_SUBJECT = "AWS Notification - Subscription Confirmation"
END_SUBJECT = "AWS Notification - Unsubscribe Confirmation"
_FOOT = (
    "\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below to"
    " unsubscribe:\n{link}\n\nPlease do not reply directly to this email.\n"
)
_CONFIRM = (
    "You have chosen to subscribe to the topic:\n{topic}\n\nTo confirm this subscription, click or visit the link"
    " below (If this was in error no action is necessary):\n{link}\n\nPlease do not reply directly to this email.\n"
)
_END = (
    "Your subscription to the topic below has been deactivated:\n{topic}\n\nIf this was in error, click or visit the"
    " link below to subscribe again:\n{link}\n\nPlease do not reply directly to this email.\n"
)


class Mail(NamedTuple):
    subject: str
    text: str
    recipient: str
    sender_name: str
    sent_ms: int


def notification(letter: Letter, subscription: Subscription) -> Mail:
    message = letter.message
    if subscription.protocol == "email-json":
        text = letter.text(subscription) + "\n"
    else:
        link = letter.unsubscribe_url(subscription)
        text = message.body_for("email") + _FOOT.format(link=link)
    name = letter.topic.attributes.get("DisplayName") or SENDER_NAME
    return Mail(message.subject or SUBJECT, text, subscription.endpoint, name, message.published_ms)


def confirmation(call: Call, payload: dict[str, Any]) -> Mail:
    document = payload["document"]
    ends = document["Type"] == "UnsubscribeConfirmation"
    if payload["protocol"] == "email-json":
        text = envelope.as_text(document) + "\n"
    else:
        text = (_END if ends else _CONFIRM).format(topic=payload["topic"], link=document["SubscribeURL"])
    subject = END_SUBJECT if ends else CONFIRMATION_SUBJECT
    return Mail(subject, text, payload["endpoint"], SENDER_NAME, call.now_ms)


def rfc5322(mail: Mail, sender: str, entry_id: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = datetime.fromtimestamp(mail.sent_ms // 1000, UTC)
    message["Message-ID"] = f"<{entry_id}@{sender.rpartition('@')[2]}>"
    # Links stay whole, also for who reads the raw message: quoted-printable would fold them.
    is_plain = mail.text.isascii() and max(map(len, mail.text.splitlines()), default=0) <= LINE_CHARACTERS_MAX
    message.set_content(mail.text, charset="utf-8", cte="7bit" if is_plain else None)
    name = _header_text("From", mail.sender_name)
    named = str(Address(mail.sender_name, addr_spec=sender)) if name == mail.sender_name else f"{name} <{sender}>"
    lines = (f"From: {named}", f"To: {mail.recipient}", f"Subject: {_header_text('Subject', mail.subject)}")
    return "".join(f"{line}\r\n" for line in lines).encode("ascii") + message.as_bytes()


def _header_text(header: str, text: str) -> str:
    """As the header says it. What reads like an encoded word is encoded itself: EmailMessage would decode it into the
    message's head, line ends and all, and so a subject could bring headers and a text of its own."""
    if text.isascii() and "=?" not in text and len(header) + len(text) <= LINE_CHARACTERS_WISHED:
        return text
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


async def send(call: Call, mail: Mail) -> None:
    """Raises OSError. Whatever led to this mail is durable before it leaves."""
    if call.node.mail_out is None:
        raise aws_error("NotImplemented", "This node sends no mail.", 501)
    settings = call.node.settings
    sender = settings.smtp_sender if settings is not None else DEFAULT_SENDER
    assert call.entry_id is not None, "mail is sent by a task"
    await call.settle()
    await call.node.mail_out.send(rfc5322(mail, sender, call.entry_id), sender, [mail.recipient], call.entry_id)
