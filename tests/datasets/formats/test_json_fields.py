import pytest

from tb_keras.datasets.formats.json_fields import field, items_by_id


def test_values_of_the_right_type():
    item = {"a": 1, "b": "x", "c": [], "d": 1.5}
    assert [field("f", item, name, type(value)) for name, value in item.items()] == [
        1,
        "x",
        [],
        1.5,
    ]


@pytest.mark.parametrize("item", [None, [], "a", 3, {}, {"b": 1}])
def test_what_is_not_there(item):
    with pytest.raises(ValueError, match=r"^f: there is no 'a'"):
        field("f", item, "a", int)


@pytest.mark.parametrize("value", [None, True, 1.0, "1", [1], {"x": 1}])
def test_what_is_of_another_type(value):
    with pytest.raises(ValueError, match=r"^f: 'a' must be of type int. Received: "):
        field("f", {"a": value}, "a", int)


def test_items_by_id():
    items = [{"id": 9, "x": 0}, {"id": 2}]
    assert items_by_id("f", {"l": items}, "l", "thing") == {
        9: ("f, thing 9", items[0]),
        2: ("f, thing 2", items[1]),
    }
    for wrong, message in (
        ({}, "f: there is no 'l'"),
        ({"l": {}}, "f: 'l' must be of type list"),
        ({"l": [{"id": 1}, 5]}, "f, thing number 1: there is no 'id'"),
        ({"l": [{"id": "1"}]}, "f, thing number 0: 'id' must be of type int"),
        ({"l": [{"id": 1}, {"id": 2}, {"id": 1}]}, "f, thing 1 comes twice"),
    ):
        with pytest.raises(ValueError, match=message):
            items_by_id("f", wrong, "l", "thing")
