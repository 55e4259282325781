"""Values from JSON files, checked as they are read."""

from __future__ import annotations


def field(where: str, item: object, name: str, kind: type):
    """Returns a value of an object.

    Args:
        where: the object's file, and its key or id, for error messages.
        item: the object.
        name: the key of the value.
        kind: the type of the value. A bool is not an int.

    Raises:
        ValueError: if there is no such key, or its value has another type.

    Examples:
        >>> field("a.json, images[3]", {"id": "7"}, "id", int)
        Traceback (most recent call last):
        ValueError: a.json, images[3]: 'id' must be of type int. Received: '7'
    """
    if not isinstance(item, dict) or name not in item:
        raise ValueError(f"{where}: there is no {name!r:.80}")
    if type(item[name]) is not kind:
        raise ValueError(
            f"{where}: {name!r:.80} must be of type {kind.__name__}. Received: {item[name]!r:.80}"
        )
    return item[name]


def items_by_id(where: str, content: object, name: str, kind: str) -> dict[int, tuple[str, dict]]:
    """Returns the items of a list in an object, by their "id".

    Args:
        where: the object's file, for error messages.
        content: the object.
        name: the key of the list.
        kind: the word for an item in error messages, such as "image".

    Returns:
        dict of id → the file and id, for error messages, and the item.

    Raises:
        ValueError: if there is no such list, an item has no int "id", or an id comes twice.

    Examples:
        >>> items_by_id("a.json", {"images": [{"id": 7}]}, "images", "image")
        {7: ('a.json, image 7', {'id': 7})}
    """
    found: dict[int, tuple[str, dict]] = {}
    for number, item in enumerate(field(where, content, name, list)):
        id = field(f"{where}, {kind} number {number}", item, "id", int)
        if id in found:
            raise ValueError(f"{where}, {kind} {id} comes twice")
        found[id] = f"{where}, {kind} {id}", item
    return found
