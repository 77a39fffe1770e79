"""Read the e-mail that the node sent: cloudlet mail, cloudlet mail ID."""

import argparse
from datetime import UTC, datetime

from cloudlet.cli.client import client_of
from cloudlet.cli.settings import add_flags, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mail_id", nargs="?", help="show this one whole")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="how many to list, the newest first")
    add_flags(parser, "data", "host", "functions_network", "root_access_key_id", "root_secret_access_key")


def run(given: argparse.Namespace) -> int:
    client = client_of(settings_of(given))
    if given.mail_id:
        mail = client.call("GetMail", MailId=given.mail_id)
        print(f"From: {mail['From']}\nTo: {', '.join(mail['To'])}\nSubject: {mail['Subject']}\n\n{mail['Text']}")
        return 0
    mails = client.call("ListMail", MaxResults=given.limit)["Mails"]
    for mail in mails:
        sent = datetime.fromtimestamp(mail["SentAt"], UTC).isoformat(sep=" ", timespec="seconds")
        print(f"{mail['MailId']}  {sent}  {', '.join(mail['To'])}  {mail['Subject']}")
    if not mails:
        print("The mailbox is empty.")
    return 0
