"""Parts of the objects that JSON files of published data sets hold, checked as they are taken."""

from __future__ import annotations


def field(where: str, item: object, name: str, kind: type):
    """Returns a value of an object.

    Args:
        where: what a message calls the object: its file, and its key or id.
        item: the object.
        name: the value's key.
        kind: its type.

    Raises:
        ValueError: if there is no such key, or its value is of another type (a bool is no int).

    Examples:
        >>> field("a.json, images[3]", {"id": "7"}, "id", int)
        Traceback (most recent call last):
        ValueError: a.json, images[3]: 'id' must be of type int. Received: '7'
    """
    if not isinstance(item, dict) or name not in item:
        raise ValueError(f"{where}: there is no {name!r}")
    if type(item[name]) is not kind:
        raise ValueError(
            f"{where}: {name!r} must be of type {kind.__name__}. Received: {item[name]!r:.80}"
        )
    return item[name]


def items_by_id(where: str, content: object, name: str, kind: str) -> dict[int, tuple[str, dict]]:
    """Returns a list of an object by the "id" of its items, each with what a message calls it.

    Args:
        where: what a message calls the object: its file.
        content: the object.
        name: the list's key.
        kind: what a message calls an item, such as "image".

    Raises:
        ValueError: if there is no such list, an item has no integer "id", or two have the same.

    Examples:
        >>> items_by_id("a.json", {"images": [{"id": 7}]}, "images", "image")
        {7: ('a.json, image 7', {'id': 7})}
    """
    found: dict[int, tuple[str, dict]] = {}
    for number, item in enumerate(field(where, content, name, list)):
        id = field(f"{where}, {kind} number {number}", item, "id", int)
        if id in found:
            raise ValueError(f"{where}, {kind} {id} stands there twice")
        found[id] = f"{where}, {kind} {id}", item
    return found
