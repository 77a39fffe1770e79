"""SNS words its own limits, as "Invalid parameter: …"."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(check_constraints=False)
