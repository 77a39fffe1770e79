"""Letters whose publisher writes more than subject and text: into the head, to others, or to the SMTP server."""

import email
import email.policy

import pytest

from cloudlet.services.sns.letter_mail import Mail, rfc5322

HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
TRICKS = (
    "=?utf-8?q?=0d=0aBcc:_victim@example.com?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLmNvbQ==?=",
    "hello =?utf-8?q?=0d=0a=0d=0a<h1>Your_account</h1>?= world",
    "=?us-ascii?Q?=0AReply-To:_evil@example.com?=",
    "=?utf-8?q?=00?=",
    "=?utf-8?q?a?==?utf-8?q?=0d=0aX:_y?=",
    "=?utf-7?q?+AA0ACg-X:?=",
    "=?x" * 30,
    '"<victim@example.com>, ',
    "a,b <victim@example.com>,",
    "(comment) \\",
    "ü" * 100,
    "word " * 19,
)


def written(subject: str = "subject", name: str = "name") -> bytes:
    return rfc5322(Mail(subject, "text\n", "to@example.com", name, 0), "from@example.com", "entry")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_subject_stays_in_its_line(trick: str) -> None:
    raw = written(subject=trick)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert set(parsed.keys()) == HEADERS and raw.count(b"\r\n\r\n") == 1
    assert str(parsed["Subject"]).strip() == trick.strip()
    assert max(map(len, raw.split(b"\r\n"))) < 80


@pytest.mark.parametrize("trick", TRICKS)
def test_a_topics_name_stays_beside_the_address(trick: str) -> None:
    raw = written(name=trick)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert set(parsed.keys()) == HEADERS and raw.count(b"\r\n\r\n") == 1
    (sender,) = parsed["From"].addresses
    assert sender.addr_spec == "from@example.com"
    assert [address.addr_spec for address in parsed["To"].addresses] == ["to@example.com"]
