"""The filter pattern language: words, JSON documents, space-delimited fields.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from functools import lru_cache

from cloudlet.services.logs.patterns import documents, fields, words
from cloudlet.services.logs.patterns.conditions import Matcher


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Matcher:
    """What matches messages: (message) -> the values it extracts, or None. Raises errors.InvalidParameter."""
    text = pattern.strip()
    if text.startswith("{"):
        return documents.compiled(text)
    if text.startswith("["):
        return fields.compiled(text)
    return words.compiled(text)
