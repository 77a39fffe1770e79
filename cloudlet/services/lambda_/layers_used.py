"""The layers a function names, found and checked."""

from collections.abc import Sequence

from cloudlet.kit.call import Call
from cloudlet.services.lambda_ import errors, rules
from cloudlet.services.lambda_.keys import Keys
from cloudlet.services.lambda_.records import LayerVersion, UsedLayer
from cloudlet.store.transaction import Tx


def find_layer_version(tx: Tx, keys: Keys, name: str, number: int) -> LayerVersion | None:
    stored = tx.get(keys.layer_version.key(name, number))
    return LayerVersion.decode(stored) if stored else None


def layers_named(call: Call, arns: Sequence[str]) -> tuple[UsedLayer, ...]:
    """That the caller may use them is iam.py's matter."""
    if len(arns) > rules.LAYERS_MAX:
        raise errors.InvalidParameterValue(text=f"Cannot reference more than {rules.LAYERS_MAX} layers.")
    found: list[UsedLayer] = []
    by_layer: dict[tuple[str | None, str], str] = {}
    for arn in arns:
        name = rules.layer_name(arn)
        if name.region != call.region:
            raise errors.InvalidParameterValue(
                text="Layers are not in the same region as the function."
                f" Layers are expected to be in region {call.region}."
            )
        layer = find_layer_version(call.tx, call.service.keys(name.account, call.region), name.name, name.number or 0)
        if layer is None:
            raise errors.InvalidParameterValue(text=f"Layer version {arn} does not exist.")
        other = by_layer.setdefault((name.account, name.name), arn)
        if len(by_layer) == len(found):
            raise errors.InvalidParameterValue(
                text="Two different versions of the same layer are not allowed to be referenced in the same function."
                f" {other} and {arn} are versions of the same layer."
            )
        found.append(UsedLayer(arn, layer.package))
    return tuple(found)
