"""Policy documents in answers."""

from urllib.parse import quote


def sent(document: str) -> str:
    """IAM sends documents percent-encoded (RFC 3986), within XML that escapes again."""
    return quote(document, safe="")
