"""SNS words its own limits, as "Invalid parameter: …", and calls a denial AuthorizationError."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(check_constraints=False, query_errors={"AccessDenied": ("AuthorizationError", 403)})
