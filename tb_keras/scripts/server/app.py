"""The application of tb-serve: a JSON interface to an index, and a page that uses it."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

import tb_keras
from tb_keras.evaluation import draw_boxes
from tb_keras.features.decoded_pictures import picture_error
from tb_keras.scripts.server.found_boxes import BoxFinder, FoundBox
from tb_keras.scripts.server.query_model import QueryModel
from tb_keras.scripts.server.searches import Answers, Options, found
from tb_keras.scripts.server.served_model import ServedModel
from tb_keras.scripts.server.uploads import MOST_BYTES, checked_upload
from tb_keras.search import ImageTextIndex
from tb_keras.serving import ServingError

_PAGE = Path(__file__).parent / "page"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Chosen = Annotated[Options, Depends()]


def create_app(
    index: ImageTextIndex,
    model: QueryModel | ServedModel,
    hosts: list[str],
    finder: BoxFinder | None = None,
) -> FastAPI:
    """Returns the application.

    Args:
        index: of pictures, and perhaps texts.
        model: embeds the queries.
        hosts: names under which the server may be asked.
        finder: finds the box of a phrase in a picture.
    """
    app = FastAPI(title="tb-serve", version=tb_keras.__version__, docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.mount("/page", StaticFiles(directory=_PAGE), name="page")

    @app.middleware("http")
    async def with_headers(request: Request, call_next):
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    @app.exception_handler(ServingError)
    def not_served(request: Request, error: ServingError) -> JSONResponse:
        status = 422 if error.code == "INVALID_ARGUMENT" else 503  # a bad picture, or no server
        return JSONResponse({"detail": str(error)}, status)

    searching = threading.Lock()  # one search takes all cores; several at once hinder each other

    def answered(query: np.ndarray, options: Options) -> Answers:
        try:
            with searching:
                return found(index, query, options)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_PAGE / "page.html")

    @app.get("/api/info")
    def info() -> dict:
        """Says how many pictures and texts there are, which attributes, and whether boxes."""
        counts = {"images": index.count(), "texts": index.count("texts")}
        return {**counts, "attributes": index.attributes, "boxes": finder is not None}

    @app.get("/api/search")
    def search(
        q: Annotated[str, Query(min_length=1, max_length=1000, description="A text.")],
        options: Chosen,
    ) -> Answers:
        """Finds pictures, or texts, for a text."""
        query = model.embed_text(q)
        return answered(query, options)

    @app.get("/api/similar")
    def similar(
        id: Annotated[str, Query(description="A picture of the index.")], options: Chosen
    ) -> Answers:
        """Finds pictures, or texts, for a picture of the index."""
        try:
            (query,) = index.embeddings([id])
        except ValueError:
            raise HTTPException(404, f"there is no picture {id!r:.200}") from None
        return answered(query, options)

    @app.post("/api/search")
    async def search_by_picture(request: Request, options: Chosen) -> Answers:
        """Finds pictures, or texts, for a picture: the request's body is its file."""
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                raise HTTPException(413, f"a picture may have {MOST_BYTES // 10**6} MB")

        def answers() -> Answers:
            try:
                query = model.embed_picture(checked_upload(bytes(content)))
            except ValueError as error:
                raise HTTPException(422, str(error)) from None
            except tf.errors.OpError as error:  # such as a JPEG that is cut off
                raise HTTPException(422, picture_error(error)) from None
            return answered(query, options)

        return await run_in_threadpool(answers)

    @contextlib.contextmanager
    def of_picture(id: str) -> Iterator[str]:
        """Gives the path of a picture; what is wrong with either is answered as not found."""
        try:
            (item,) = index.items([id])
            yield str(item.path)
        except (ValueError, OSError):
            raise HTTPException(404, f"there is no picture {id!r:.200}") from None

    if finder is not None:

        @app.get("/api/box")
        def box(
            id: str,
            q: Annotated[str, Query(min_length=1, max_length=1000, description="A phrase.")],
        ) -> FoundBox:
            """Finds the region of a picture that a phrase speaks of."""
            with of_picture(id) as path:
                return finder.find(path, q)

    @app.get("/picture")
    def picture(
        id: str, size: Annotated[int, Query(ge=32, le=1600, description="Pixels.")] = 240
    ) -> Response:
        """Returns a picture of the index as a JPEG of that size at the most."""
        with of_picture(id) as path:
            image = draw_boxes(path, [], size=1)
        image.thumbnail((size, size))
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=85)
        return Response(jpeg.getvalue(), media_type="image/jpeg")

    return app
