"""Document paths: read from an expression, looked up in an item, and as a tree that projects and finds overlaps."""

from collections.abc import Collection, Iterable

from cloudlet.services.dynamodb.expressions.reserved import RESERVED_WORDS
from cloudlet.services.dynamodb.expressions.source import Rank, Source
from cloudlet.services.dynamodb.expressions.trees import Path
from cloudlet.services.dynamodb.values import NESTING_MAX, Item, Value

_LIST_INDEX_DIGITS_MAX = 6  # an item of 400 KB holds no longer list


def starts_path(source: Source) -> bool:
    return source.next.kind in ("word", "alias")


def parse_path(source: Source) -> Path:
    """`name`, `#alias`, then any of `.name`, `.#alias`, `[index]`."""
    elements: list[str | int] = [_parse_name(source)]
    while True:
        if source.is_next("."):
            source.take()
            elements.append(_parse_name(source))
        elif source.is_next("["):
            source.take()
            elements.append(_parse_index(source))
        else:
            break
    if len(elements) > NESTING_MAX:
        source.note(Rank.OPERAND, f"The document path has too many nesting elements; nesting levels: {len(elements)}")
    source.use_attribute(str(elements[0]))
    return tuple(elements)


def _parse_name(source: Source) -> str:
    token = source.next
    if token.kind == "word":
        if token.text.upper() in RESERVED_WORDS:
            source.note(Rank.RESERVED, f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        return source.take().text
    if token.kind != "alias":
        raise source.syntax_error()
    source.take()
    source.names_used.setdefault(token.text)
    name = source.names.get(token.text)
    if name is None:
        source.note(
            Rank.NAME,
            f"An expression attribute name used in the document path is not defined; attribute name: {token.text}",
        )
        return token.text
    return name


def _parse_index(source: Source) -> int:
    token = source.next
    if token.kind != "number":
        raise source.syntax_error()
    source.take()
    source.expect("]")
    if len(token.text.lstrip("0")) > _LIST_INDEX_DIGITS_MAX:
        source.note(Rank.OPERAND, f"List index is not within the allowable range; index: [{token.text}]")
        return 0
    return int(token.text)


def path_text(path: Path) -> str:
    """As AWS's messages show a path: [a, [0], b]."""
    return f"[{', '.join(f'[{element}]' if isinstance(element, int) else element for element in path)}]"


def child(value: Value, element: str | int) -> Value | None:
    """What `element` names in a map or list; None if it isn't there or `value` is neither."""
    if isinstance(element, str):
        members = value.get("M")
        return None if members is None else members.get(element)
    items = value.get("L")
    return items[element] if items is not None and element < len(items) else None


def find(item: Item, path: Path) -> Value | None:
    """The value at `path`, or None."""
    value: Value | None = item.get(path[0])  # type: ignore[arg-type]  # a path starts with a name
    for element in path[1:]:
        if value is None:
            return None
        value = child(value, element)
    return value


class PathTree:
    """Paths by their elements, none of which overlaps another."""

    __slots__ = ("children", "first", "is_end")

    def __init__(self) -> None:
        self.children: dict[str | int, PathTree] = {}
        self.first: Path = ()  # the path that made this node
        self.is_end = False

    def add(self, path: Path) -> tuple[Rank, str] | None:
        """Put `path` in, or say what it collides with."""
        node = self
        for element in path:
            if node.is_end:
                return _collision(Rank.OVERLAP, "overlap", node.first, path)
            for other in node.children:
                if type(other) is not type(element):
                    return _collision(Rank.CONFLICT, "conflict", node.children[other].first, path)
                break
            following = node.children.get(element)
            if following is None:
                following = node.children[element] = PathTree()
                following.first = path
            node = following
        if node.is_end or node.children:
            return _collision(Rank.OVERLAP, "overlap", node.first, path)
        node.is_end = True
        return None

    @property
    def names(self) -> Collection[str]:
        """The top-level attributes that the paths start with."""
        return self.children.keys()  # type: ignore[return-value]  # a path starts with a name

    def project(self, item: Item) -> Item:
        """The parts of `item` that the paths name, in their places; lists close up."""
        return dict(self._parts(item.items()))

    def _parts(self, members: Iterable[tuple[str, Value]]) -> Iterable[tuple[str, Value]]:
        for name, value in members:
            node = self.children.get(name)
            if node is not None and (part := node._part(value)) is not None:
                yield name, part

    def _part(self, value: Value) -> Value | None:
        if self.is_end:
            return value
        if "M" in value:
            chosen = dict(self._parts(value["M"].items()))
            return {"M": chosen} if chosen else None
        if "L" in value:
            members = value["L"]
            kept = [
                part
                for index in sorted(index for index in self.children if isinstance(index, int))
                if index < len(members) and (part := self.children[index]._part(members[index])) is not None
            ]
            return {"L": kept} if kept else None
        return None


def _collision(rank: Rank, verb: str, earlier: Path, later: Path) -> tuple[Rank, str]:
    return rank, (
        f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
        f"path one: {path_text(earlier)}, path two: {path_text(later)}"
    )


def tree_of(paths: Iterable[Path]) -> PathTree:
    """A tree of paths known not to collide; of those that do, the first stays."""
    tree = PathTree()
    for path in paths:
        tree.add(path)
    return tree
