"""Cloudlet: AWS's serverless stack on your own machines. docs/ARCHITECTURE.md explains the layers."""

__version__ = "0.1.0"
