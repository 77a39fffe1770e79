"""What PutMetricAlarm must hold beyond the model."""

import math
from typing import Any

from cloudlet.base.errors import aws_error
from cloudlet.kit.arn import parse
from cloudlet.services.cloudwatch import errors, evaluation, query, reason, rules, statistic
from cloudlet.services.cloudwatch.metric_math.evaluator import Evaluator, searches
from cloudlet.services.cloudwatch.metric_math.values import Grid, TimeSeries

SETTINGS = (
    "AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions MetricName Namespace Statistic"
    " ExtendedStatistic Dimensions Period Unit EvaluationPeriods DatapointsToAlarm Threshold ComparisonOperator"
    " TreatMissingData EvaluateLowSampleCountPercentile Metrics"
).split()
COMPOSITE_SETTINGS = (
    "AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions AlarmRule"
).split()
ACTION_MEMBERS = ("OKActions", "AlarmActions", "InsufficientDataActions")
SINGLE = ("Namespace", "MetricName", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")


def check(request: dict[str, Any], account: str, region: str) -> dict[str, Any]:
    """The alarm's settings, or the error of what doesn't fit."""
    rules.refuse(
        request, "ThresholdMetricId", "EvaluationCriteria", "EvaluationInterval", "WarmUpConfiguration",
        "ActionConfiguration",
    )  # fmt: skip
    if (request.get("EvaluationWindow") or {}).get("WallClockWindow") is not None:
        raise aws_error("NotImplemented", "cloudwatch: the parameter EvaluationWindow.WallClockWindow is not", 501)
    for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold"):
        if request.get(name) is None:
            raise errors.Missing(name=name)
    if request["ComparisonOperator"] not in reason.COMPARISONS:
        raise aws_error(
            "NotImplemented", f"cloudwatch: ComparisonOperator {request['ComparisonOperator']} is not implemented", 501
        )
    settings = {name: request[name] for name in SETTINGS if request.get(name) is not None}
    if request.get("Metrics"):
        _check_queries(request, account)
    else:
        _check_single(request)
    _check_evaluation(request, settings)
    check_actions(request, region)
    return settings


def _check_single(request: dict[str, Any]) -> None:
    for name in ("MetricName", "Namespace", "Period"):
        if not request.get(name):
            raise errors.Missing(name=name)
    plain, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if plain and extended:
        raise errors.Exclusive(one="Statistic", other="ExtendedStatistic")
    if not plain and not extended:
        raise errors.ValidationError("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
    if extended and (statistic.find(extended) is None or extended in statistic.PLAIN):
        raise errors.ValidationError(f"The value {extended} for parameter ExtendedStatistic is not supported.")


def _check_queries(request: dict[str, Any], account: str) -> None:
    for name in SINGLE:
        if request.get(name):
            raise errors.ValidationError(f"The parameters Metrics and {name} are mutually exclusive.")
    query.check_queries(request["Metrics"], account)
    returned = [one for one in request["Metrics"] if one.get("ReturnData", True)]
    if len(returned) != 1:
        raise errors.ValidationError("Exactly one element of the metrics list should return data.")
    expressions = {one["Id"]: one["Expression"] for one in request["Metrics"] if "Expression" in one}
    if any(searches(text) for text in expressions.values()):
        raise errors.ValidationError("SEARCH is not supported on Metric Alarms.")
    if any("MetricStat" in one and one["MetricStat"]["Period"] not in (10, 20, 30) and one["MetricStat"]["Period"] % 60
           for one in request["Metrics"]):  # fmt: skip
        raise errors.ValidationError("Period must be 10, 20, 30 or a multiple of 60")
    given = {one["Id"]: TimeSeries("", {}) for one in request["Metrics"] if "MetricStat" in one}
    if not given:
        raise errors.ValidationError("At least one element of the metrics list must be a MetricStat.")
    if len(Evaluator(expressions, given, Grid(0, 0, 60_000)).series_of(returned[0]["Id"])) != 1:
        raise errors.ValidationError("The expression of an alarm must return a single time series.")


def _check_evaluation(request: dict[str, Any], settings: dict[str, Any]) -> None:
    period, periods = evaluation.period_of(settings), request["EvaluationPeriods"]
    if period not in (10, 20, 30) and period % 60:
        raise errors.ValidationError("Period must be 10, 20, 30 or a multiple of 60")
    if period < 3600 and period * periods > rules.EVALUATION_SHORT_MAX_S:
        raise errors.ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )
    if period * periods > rules.EVALUATION_MAX_S:
        raise errors.ValidationError(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800)."
        )
    if request.get("DatapointsToAlarm", 1) > periods:
        raise errors.ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    if not math.isfinite(request["Threshold"]):
        raise errors.ValidationError(f"The value {request['Threshold']} for parameter Threshold is invalid.")
    treatment = request.get("TreatMissingData", "missing")
    if treatment not in ("breaching", "notBreaching", "ignore", "missing"):
        raise errors.ValidationError(
            f"The value {treatment} for parameter TreatMissingData is invalid. Valid values are breaching,"
            " notBreaching, ignore and missing."
        )
    if request.get("EvaluateLowSampleCountPercentile", "evaluate") not in ("evaluate", "ignore"):
        raise errors.ValidationError("Option EvaluateLowSampleCountPercentile must be evaluate or ignore.")


def check_actions(request: dict[str, Any], region: str) -> None:
    for member in ACTION_MEMBERS:
        for text in request.get(member) or ():
            arn = parse(text)
            if arn is None:
                raise errors.ValidationError(f"Invalid arn syntax: {text}")
            if arn.service not in ("sns", "lambda"):
                raise aws_error("NotImplemented", f"cloudwatch: actions of {arn.service} are not implemented", 501)
            if arn.region != region:
                raise errors.ValidationError(f"Invalid region {arn.region} specified. Only {region} is supported.")
