"""S3 words its own limits; the model's few patterns are hints for clients."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(check_constraints=False)
