"""Serves a page to search an index with, and the JSON interface behind it.

    tb-serve --index=photos.index
    tb-serve --index=shop --port=8080 --localizer=savedmodels/scenes

Open the address that it prints in a browser: type what you look for, or drop a picture into the
page. Pictures that tb-index adds or deletes meanwhile are found, or no longer. It answers to this
machine alone unless --host says otherwise; there is no password, so mind who can reach it. The
interface is described at /openapi.json.
"""

from __future__ import annotations

import ipaddress

from absl import flags

from tb_keras.scripts.run_main import run_main
from tb_keras.search import ImageTextIndex

_INDEX = flags.DEFINE_string("index", None, "Directory of the index.", required=True)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
_PORT = flags.DEFINE_integer("port", 8080, "Port to listen on.", lower_bound=1, upper_bound=65535)
_SERVER = flags.DEFINE_string(
    "server",
    None,
    "Address of TensorFlow Serving, such as localhost:8500, that embeds the queries by the index's "
    "model; by default the model is loaded here.",
)
_LOCALIZER = flags.DEFINE_string(
    "localizer",
    None,
    "Directory of an exported localization model, by which the page shows where in the pictures "
    "it is.",
)
_NAMES = flags.DEFINE_list(
    "names", [], "Names under which other machines reach the server; by default any if --host is."
)


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"tb-serve takes flags only. Received: {' '.join(arguments)}")
    try:
        import uvicorn

        from tb_keras.scripts.server.app import create_app
        from tb_keras.scripts.server.found_boxes import BoxFinder
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"tb-serve needs the package {error.name}: pip install 'tb_keras[page]'"
        ) from None
    from tb_keras.scripts.searching.model_source import ModelSource
    from tb_keras.scripts.server.query_model import QueryModel
    from tb_keras.scripts.server.served_model import ServedModel
    from tb_keras.serving import ExportedLocalizer

    with ImageTextIndex(_INDEX.value) as index:
        print("loading the model ...", flush=True)
        source = ModelSource.of(index.settings["source"])
        model: ServedModel | QueryModel
        if _SERVER.value:
            model = ServedModel(source, _SERVER.value)
            model.check(index)
        else:
            model = QueryModel(source)
            if model.fingerprint != index.settings["model"]:
                raise ValueError(
                    f"{_INDEX.value!r} has the embeddings of another model than is at "
                    f"{source} now: build it again"
                )
        model.embed_text("a picture")  # the first call builds the graph
        finder = BoxFinder(ExportedLocalizer(_LOCALIZER.value)) if _LOCALIZER.value else None
        print(f"{index.count()} pictures, {index.count('texts')} texts", flush=True)
        app = create_app(index, model, _hosts(), finder)
        print(f"http://{_HOST.value}:{_PORT.value}", flush=True)
        uvicorn.run(app, host=_HOST.value, port=_PORT.value, log_level="warning")


def _hosts() -> list[str]:
    """Returns the names that a request may ask for: other ones are of a page that poses as this."""
    try:
        is_local = ipaddress.ip_address(_HOST.value).is_loopback
    except ValueError:
        is_local = _HOST.value == "localhost"
    if is_local:
        return ["localhost", "127.0.0.1", "[::1]", *_NAMES.value]
    return _NAMES.value or ["*"]


if __name__ == "__main__":
    run_main("tb-serve", main)
