"""The node's mailbox: every e-mail that the node sent, for people and tests to read."""

from typing import Any

from cloudlet.base.errors import AwsError, aws_error
from cloudlet.kit.call import Call
from cloudlet.kit.ports import Mailbox, StoredMail
from cloudlet.services.cloudlet.service import cloudlet

MAILS_LISTED_MAX = 100


class NoSuchMail(AwsError):
    """The mailbox has no mail {mail_id}."""

    code, status = "NoSuchMail", 404


def _mailbox(call: Call) -> Mailbox:
    if call.node.mailbox is None:
        raise aws_error("NotImplemented", "This node has no mailbox.", 501)
    return call.node.mailbox


@cloudlet.operation("ListMail")
def list_mail(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The newest first, without their raw form."""
    limit = request.get("MaxResults", MAILS_LISTED_MAX)
    mails, next_token = _mailbox(call).list(call.tx, limit, request.get("NextToken"))
    answer: dict[str, Any] = {"Mails": [_shown(mail) for mail in mails]}
    return answer | {"NextToken": next_token} if next_token else answer


@cloudlet.operation("GetMail")
def get_mail(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    mail = _require(call, request["MailId"])
    return _shown(mail) | {"Raw": mail.raw}


@cloudlet.operation("DeleteMail")
def delete_mail(call: Call, request: dict[str, Any]) -> None:
    _mailbox(call).delete(call.tx, _require(call, request["MailId"]).id)


def _require(call: Call, mail_id: str) -> StoredMail:
    mail = _mailbox(call).find(call.tx, mail_id)
    if mail is None:
        raise NoSuchMail(mail_id=mail_id)
    return mail


def _shown(mail: StoredMail) -> dict[str, Any]:
    return {
        "MailId": mail.id,
        "SentAt": mail.sent_ms,
        "From": mail.sender,
        "To": list(mail.recipients),
        "Subject": mail.subject,
        "Text": mail.text,
    }
