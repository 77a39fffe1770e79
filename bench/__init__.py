"""Cloudlet against other local AWS servers, in one run on one machine. Start it with ./scripts/bench."""
