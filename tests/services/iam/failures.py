"""What a call is refused with."""

from collections.abc import Callable
from typing import Any

import pytest

from cloudlet.base.errors import AwsError


def failure(call: Callable[..., Any], *args: Any, **parameters: Any) -> tuple[str, int, str]:
    """Code, status and message of the error that a call ends with."""
    with pytest.raises(AwsError) as caught:
        call(*args, **parameters)
    return caught.value.code, caught.value.status, caught.value.message
