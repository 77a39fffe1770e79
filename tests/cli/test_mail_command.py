"""cloudlet mail: what the node sent, to read and to confirm a subscription by."""

import re
import urllib.request

import pytest
from command_line import HANG_GUARD_S, Cloudlet, Finished

pytestmark = pytest.mark.slow


def test_mail_shows_the_confirmation_and_its_link_works(cloudlet: Cloudlet) -> None:
    def mail(*arguments: str) -> Finished:
        return cloudlet("mail", *arguments, "--data", str(cloudlet.stage.directory))

    empty = mail()
    assert (empty.stdout, empty.stderr) == ("The mailbox is empty.\n", "")
    sns = cloudlet.stage.clients()("sns")
    arn = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="me@example.com")
    line = cloudlet.stage.wait_until(
        "the mail", lambda: text if "me@example.com" in (text := mail().stdout) else None, 10
    )
    assert line.endswith("me@example.com  AWS Notification - Subscription Confirmation\n")
    mail_id = line.split()[0]
    shown = mail(mail_id)
    assert shown.stdout.startswith("From: no-reply@sns.amazonaws.com\nTo: me@example.com\n")
    (link,) = re.findall(r"^http://\S+$", shown.stdout, re.MULTILINE)
    with urllib.request.urlopen(link, timeout=HANG_GUARD_S) as answer:
        assert answer.status == 200
    (subscription,) = sns.list_subscriptions()["Subscriptions"]
    assert subscription["SubscriptionArn"].startswith(f"{arn}:")
    missing = mail("999")
    assert missing.returncode != 0
    assert "The mailbox has no mail 999." in missing.stderr
