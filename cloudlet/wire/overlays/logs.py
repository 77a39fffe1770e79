"""CloudWatch Logs calls a violated constraint by its own error."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(violation_code="InvalidParameterException")
