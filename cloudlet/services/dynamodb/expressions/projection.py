"""ProjectionExpression: paths, and the part of an item that they name."""

from cloudlet.services.dynamodb.expressions.paths import PathTree, parse_path
from cloudlet.services.dynamodb.expressions.source import Source
from cloudlet.services.dynamodb.expressions.trees import Path


def parse_projection(source: Source) -> tuple[Path, ...]:
    """The whole text as paths separated by commas; raises AWS's errors."""
    paths, tree = [], PathTree()
    while True:
        path = parse_path(source)
        source.count_operator()
        if (collision := tree.add(path)) is not None:
            source.note(*collision)
        paths.append(path)
        if not source.is_next(","):
            break
        source.take()
    source.finish()
    return tuple(paths)
