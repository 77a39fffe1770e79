"""Filter policies: a language of its own, hence a folder. Pure: no store, no clock.

document.py (JSON with positions, for AWS's error texts), conditions.py (one condition), policy.py (the whole).
"""
