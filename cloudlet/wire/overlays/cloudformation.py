"""CloudFormation writes every instant with milliseconds."""

from cloudlet.wire.overlays.overlay import Overlay

OVERLAY = Overlay(xml_milliseconds=True)
