"""Hours instead of seconds: kills, power cuts and load, far more of them than the tests have time for."""
