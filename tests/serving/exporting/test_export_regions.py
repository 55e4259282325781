"""Tests of the export that localizes, asked in a process that knows neither tb_keras nor Keras."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.corpus.boxes import spatial_features
from tb_keras.encoders.image.image_decoding import decode_image
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_cropping import crop_regions
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.serving import ExportedLocalizer, ExportedModel, ExportedNetwork, export
from tests.serving.exporting.asking import SIZES, ask, described
from tests.serving.small_models import TEXT_DIM, image_encoder, network, pictures, text_encoder

pytestmark = pytest.mark.xdist_group("exports")

REGIONS = 5
PHRASES = ["a dog", "", "the dog left of it", "Käfer 犬", "x", "a dog ", "word " * 400]


def boxes_in(picture, random, regions=REGIONS):
    """Float32 `(regions, 4)` boxes within a picture, the first of them all of it."""
    height, width = decode_image(picture).shape[:2]
    corners = np.sort(random.uniform(0, 1, (regions, 2, 2)), axis=1)
    corners[0] = [[0, 0], [1, 1]]
    return (corners * [width, height]).reshape(regions, 4).astype("float32")


def features_of(encoder, picture, boxes):
    """Features of regions, step by step: crop, encode, say where they lie, look around."""
    pixels = decode_image(picture)
    height, width = pixels.shape[:2]
    crops = crop_regions(pixels, tf.constant(boxes), 32, 32)
    parts = [encoder.backbone.predict(crops, verbose=0)]
    if encoder.spatial:
        parts.append(spatial_features(boxes, [[width, height]] * len(boxes)))
    if encoder.context:
        whole = crop_regions(pixels, tf.constant([[0.0, 0.0, width, height]]), 32, 32)
        parts.append(np.repeat(encoder.backbone.predict(whole, verbose=0), len(boxes), axis=0))
    return np.concatenate(parts, axis=1)


@pytest.fixture(
    scope="module",
    params=[pytest.param(("embedding", False), marks=pytest.mark.slow), ("similarity", True)],
)
def exported(request, tmp_path_factory):
    """An export with what it was made of, its regions' features and another process's answers."""
    kind, context = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_encoder_module, "image_encoder", image_encoder)
        encoder = RegionEncoder("small", size=32, context=context)
    random = np.random.default_rng(0)
    contents = pictures()
    boxes = np.stack([boxes_in(picture, random) for picture in contents])
    features = np.stack(
        [features_of(encoder, picture, some) for picture, some in zip(contents, boxes)]
    )
    texts = text_encoder()
    text_features = texts(tf.constant(PHRASES)).numpy()
    made = network(encoder.feature_dim, TEXT_DIM, kind)
    made.standardize(features.reshape(-1, encoder.feature_dim), text_features)
    version = export(made, tmp_path_factory.mktemp("regions") / "model", encoder, texts)
    image_bytes = np.array(contents, object)
    strings = np.array([phrase.encode() for phrase in PHRASES], object)
    asked = {
        "embed_regions": {"image_bytes": image_bytes, "boxes": boxes},
        "embed_text": {"text": strings},
        "localize": {"image_bytes": image_bytes, "boxes": boxes, "text": strings},
        "serving_default": {"image_bytes": image_bytes, "boxes": boxes, "text": strings},
    }
    return {
        "network": made,
        "encoder": encoder,
        "kind": kind,
        "version": version,
        "localizer": ExportedLocalizer(version.parent),
        "boxes": boxes,
        "features": features,
        "text_features": text_features,
        "answers": ask(version, asked),
    }


@pytest.mark.parametrize("size", SIZES)
def test_answers_equal_crop_encode_and_score(exported, size):
    made, answers = exported["network"], exported["answers"]
    features, text_features = exported["features"], exported["text_features"]
    embedded = np.stack([made.embed_images(regions) for regions in features])
    found = answers[f"embed_regions/{size}"]
    assert found.shape == (len(PHRASES), REGIONS, 16)
    np.testing.assert_allclose(found, embedded, atol=1e-4)
    texts = made.embed_texts(text_features)
    np.testing.assert_allclose(answers[f"embed_text/{size}"], texts, atol=1e-5)
    scores = np.stack(
        [made.score_matrix(features[row], text_features[row : row + 1])[:, 0] for row in range(7)]
    )
    assert np.ptp(scores, axis=1).min() > 1e-3  # regions differ, or this would say little
    for name in ("localize", "serving_default"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], scores, atol=1e-4)


def test_every_batch_size_gives_the_same_answers(exported):
    answers = exported["answers"]
    for name in ("embed_regions", "embed_text", "localize"):
        for size in SIZES[1:]:
            first, other = answers[f"{name}/1"], answers[f"{name}/{size}"]
            np.testing.assert_allclose(other, first, atol=1e-5)


def test_signatures(exported):
    feature_dim = exported["encoder"].feature_dim
    embedding, score = {"embedding": ([-1, 16], "float32")}, {"score": ([-1], "float32")}
    pictures_, boxes = ([-1], "string"), ([-1, -1, 4], "float32")
    views = ("image", "text")
    pairs = {f"{v}_embedding": ([-1, 16], "float32") for v in views}
    features = {f"{v}_features": ([-1, d], "float32") for v, d in zip(views, (feature_dim, 16))}
    found = described(exported["version"])
    (localized,) = found["localize"][1].values()
    assert localized == ([-1, -1], "float32")
    localize = ({"image_bytes": pictures_, "boxes": boxes, "text": pictures_}, {"score": localized})
    assert found == {
        "embed_image_features": ({"features": ([-1, feature_dim], "float32")}, embedding),
        "embed_text_features": ({"features": ([-1, 16], "float32")}, embedding),
        "score_embeddings": (pairs, score),
        "similarity": (features, score),
        "embed_regions": (
            {"image_bytes": pictures_, "boxes": boxes},
            {"embedding": ([-1, -1, 16], "float32")},
        ),
        "embed_text": ({"text": ([-1], "string")}, embedding),
        "localize": localize,
        "serving_default": localize,
    }


def test_features_are_scored_without_the_encoders(exported):
    made, features = (
        exported["network"],
        exported["features"].reshape(-1, exported["features"].shape[2]),
    )
    model = ExportedNetwork(exported["version"])
    expected = made.score_matrix(features, exported["text_features"])
    found = model.score_matrix(features, exported["text_features"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_localizer_equals_the_signature_for_many_regions(exported, tmp_path):
    random = np.random.default_rng(1)
    picture = pictures()[0]
    (tmp_path / "picture.png").write_bytes(picture)
    localizer = exported["localizer"]
    assert (localizer.path, localizer.network) == (exported["version"], exported["kind"])
    localize = tf.saved_model.load(str(exported["version"])).signatures["localize"]
    for regions in (1, 64, 131):
        boxes = boxes_in(picture, random, regions)
        found = localizer.localize(str(tmp_path / "picture.png"), boxes, PHRASES)
        assert (found.shape, found.dtype) == ((len(PHRASES), regions), np.float32)
        for phrase, row in list(zip(PHRASES, found))[:3]:
            expected = localize(
                image_bytes=tf.constant([picture]),
                boxes=tf.constant(boxes[None]),
                text=tf.constant([phrase]),
            )
            np.testing.assert_allclose(row, expected["score"][0], atol=1e-4)


def test_localizer_without_regions_or_phrases(exported, tmp_path):
    (tmp_path / "picture.png").write_bytes(pictures()[0])
    path, localizer = str(tmp_path / "picture.png"), exported["localizer"]
    assert localizer.localize(path, np.zeros((0, 4)), PHRASES).shape == (len(PHRASES), 0)
    assert localizer.localize(path, np.ones((3, 4)), []).shape == (0, 3)
    with pytest.raises(ValueError, match=r"`boxes` must have shape \(r, 4\).*\(4,\)"):
        localizer.localize(path, [0, 0, 9, 9], PHRASES)
    with pytest.raises(ValueError, match=r"`phrases` must be a sequence of strings.*'a dog'"):
        localizer.localize(path, np.ones((3, 4)), "a dog")


def test_a_model_for_another_task(exported, feature_export):
    with pytest.raises(ValueError, match="must hold a model exported with its encoders"):
        ExportedModel(exported["version"])
    _, version = feature_export("similarity")
    with pytest.raises(ValueError, match=r"must hold a model that localizes \(tb-train"):
        ExportedLocalizer(version)


def test_encoders_that_do_not_fit(exported, tmp_path):
    encoder = exported["encoder"]
    with pytest.raises(
        ValueError, match=rf"`image_encoder` must give the 7 f.*{encoder.feature_dim}"
    ):
        export(network(7, TEXT_DIM), tmp_path, encoder, text_encoder())
    with pytest.raises(ValueError, match="`text_encoder` must be given with a region encoder"):
        export(network(encoder.feature_dim, TEXT_DIM), tmp_path, encoder)
    assert not list(tmp_path.iterdir())
