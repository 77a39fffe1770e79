"""One folder per AWS service, all alike. docs/ARCHITECTURE.md shows the anatomy."""
