"""IAM policies: reading, checking and evaluating them. A language of its own, hence a folder. Pure.

parse/check (document.py), decide (evaluate.py), simulate (simulate.py); the values they take are in request.py.
"""

from cloudlet.kit.policy.document import Document, check, parse
from cloudlet.kit.policy.evaluate import TRUST_ACTIONS, Decision, decide
from cloudlet.kit.policy.request import (
    ANONYMOUS,
    Access,
    NamedPolicy,
    Policies,
    Principal,
    service_principal,
)
from cloudlet.kit.policy.simulate import MatchedStatement, Simulation, simulate
from cloudlet.kit.policy.syntax import MalformedPolicy

__all__ = [
    "ANONYMOUS",
    "TRUST_ACTIONS",
    "Access",
    "Decision",
    "Document",
    "MalformedPolicy",
    "MatchedStatement",
    "NamedPolicy",
    "Policies",
    "Principal",
    "Simulation",
    "check",
    "decide",
    "parse",
    "service_principal",
    "simulate",
]
